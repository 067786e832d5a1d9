for v in plain relaxed; do f=; [ $v = relaxed ] && f=-mrelaxed-simd
/root/venv/bin/python -m ziglang cc -target wasm32-freestanding -O3 -msimd128 -mbulk-memory $f -nostdlib -Wall -Wextra -Wl,--no-entry,--export=__heap_base,--strip-all,-z,stack-size=16384 kernels.c -o /tmp/$v.wasm || exit 1; done; ls -l /tmp/*.wasm
