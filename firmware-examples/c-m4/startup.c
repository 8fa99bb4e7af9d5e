// From reset to main: vector table, FPU, data and bss. Semihosting by BKPT 0xAB.

#include <stdint.h>
#include "platform.h"

extern uint32_t data_load[], data_begin[], data_end[], bss_begin[], bss_end[], stack_top[];

int main(void);

// The code is built for the hardware-float convention, so the FPU has to be on even if nothing of the token path uses it.
#define CPACR (*(volatile uint32_t *)0xe000ed88)

static long semihosting(long operation, const void *argument) {
    register long r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void put(const char *text) {
    semihosting(0x04, text); // SYS_WRITE0
}

void leave(int code) {
    const long block[2] = {0x20026, code}; // ADP_Stopped_ApplicationExit
    for (;;) {
        semihosting(0x20, block); // SYS_EXIT_EXTENDED
    }
}

static void reset(void) {
    CPACR |= 0xfu << 20;
    __asm__ volatile("dsb\nisb" ::: "memory");
    const uint32_t *from = data_load;
    for (uint32_t *to = data_begin; to < data_end;) {
        *to++ = *from++;
    }
    for (uint32_t *to = bss_begin; to < bss_end;) {
        *to++ = 0;
    }
    leave(main());
}

static void fault(void) {
    put("error: fault\n");
    leave(1);
}

__attribute__((section(".vectors"), used)) void *const vectors[16] = {
    stack_top, reset, fault, fault, fault, fault, fault, 0, 0, 0, 0, fault, fault, 0, fault, fault,
};
