// What main.c needs of a platform: startup.c has it for the emulator, host.c for a computer.

#ifndef PLATFORM_H
#define PLATFORM_H

// Writes a string.
void put(const char *text);

// Ends the program with an exit code.
void leave(int code) __attribute__((noreturn));

#endif
