// The platform on a computer, so that the same program runs on both.

#include <stdio.h>
#include <stdlib.h>

#include "platform.h"

void put(const char *text) {
    fputs(text, stdout);
}

void leave(int code) {
    exit(code);
}
