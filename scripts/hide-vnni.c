/* For scripts/without-vnni: answers cpuid as a CPU without AVX-512, VNNI and AMX would.
 *
 *   cc -shared -fPIC -O2 -o hide-vnni.so hide-vnni.c
 *   LD_PRELOAD=./hide-vnni.so python ...
 *
 * In the libraries that are to believe it, each cpuid (0F A2) has become ud2 (0F 0B), which raises SIGILL.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <ucontext.h>

#define BIT(n) (1u << (n))

static void answer(int number, siginfo_t *info, void *context)
{
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    const uint8_t *at = (const uint8_t *)regs[REG_RIP];
    uint32_t leaf = regs[REG_RAX], subleaf = regs[REG_RCX], a = leaf, b, c = subleaf, d;

    if (at[0] != 0x0f || at[1] != 0x0b) {
        signal(number, SIG_DFL);
        return;
    }
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (leaf == 7 && subleaf == 0) { /* Intel's manual, CPUID, leaf 7 */
        b &= ~(BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31));
        c &= ~(BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14));
        d &= ~(BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25));
    } else if (leaf == 7 && subleaf == 1) {
        a &= ~(BIT(4) | BIT(5));
        d &= ~(BIT(4) | BIT(5) | BIT(10));
    }
    regs[REG_RAX] = a, regs[REG_RBX] = b, regs[REG_RCX] = c, regs[REG_RDX] = d;
    regs[REG_RIP] += 2;
}

__attribute__((constructor)) static void begin(void)
{
    struct sigaction action = {.sa_sigaction = answer, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGILL, &action, 0);
}
