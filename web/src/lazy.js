/** Loads modules that few pictures need. A service worker, which may load nothing later, puts those in that it has. */
export const lazy = {
  residual: async () => import("./residual.js"),
  thumbnail: async () => import("./thumbnail.js"),
  autoencoder: async () => import("./families/autoencoder.js"),
  recurrent: async () => import("./families/recurrent.js"),
  onnxruntime: async () => import("./networks/onnxruntime.js"),
};
