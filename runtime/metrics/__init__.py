"""How far a decoded picture is from its original: PSNR and SSIM of samples, and SSIMULACRA 2, which follows the eye."""
