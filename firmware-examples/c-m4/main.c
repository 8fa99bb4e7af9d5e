// A complete firmware in C: checks a model, runs its self-test and a digest, and writes text.
//
// On a board, `put` writes to a UART and `leave` never returns; everything else stays.

#include "sla.h"
#include "platform.h"

// The model, from model.S, at a multiple of 16.
extern const uint8_t model_begin[];
extern const uint8_t model_end[];

// RAM of one session. The plan of a model says how much it needs: `sla inspect FILE.sla` tells before anything is flashed; the stamp of
// scratch is 4 words more.
#define STATE_WORDS 16384
#define SCRATCH_WORDS 4096
#define STEPS 64

static uint32_t state[STATE_WORDS];
static uint32_t scratch[SCRATCH_WORDS];
static sla_model model;
static sla_session session;

// One line and the end, for whatever is not well.
static void check(sla_status status, const char *what) {
    if (status != SLA_OK) {
        put("error: ");
        put(what);
        put(": ");
        put(sla_status_text(status));
        put("\n");
        leave(1);
    }
}

static void put_number(uint32_t n) {
    char digits[11];
    char *at = digits + sizeof digits - 1;
    *at = 0;
    do {
        *--at = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    put(at);
}

static void put_hex(uint32_t n) {
    char digits[9];
    for (int i = 0; i < 8; i++) {
        digits[i] = "0123456789abcdef"[n >> (28 - 4 * i) & 15];
    }
    digits[8] = 0;
    put(digits);
}

// CRC-32 (IEEE), as the file format defines digests of logits: docs/format.md F8.2.
static uint32_t crc(uint32_t crc, const void *data, size_t bytes) {
    crc = ~crc;
    for (const uint8_t *at = data; bytes--; at++) {
        crc ^= *at;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
        }
    }
    return ~crc;
}

#define LOGITS 256
static int32_t logits[LOGITS];

// A feature model hears features of 0.
#define FEATURES 256
static int32_t frame[FEATURES];

// The model's largest logit as its next token, from the start (docs/format.md F8.3), or silence.
static uint32_t digest_of_steps(const sla_info *info) {
    uint32_t token = info->bos != UINT32_MAX ? info->bos : 10 < info->inputs ? 10 : info->inputs - 1;
    uint32_t digest = 0;
    for (int step = 0; step < STEPS; step++) {
        if (info->reads_features) {
            check(sla_step_features_begin(&session, frame, info->inputs), "step");
        } else {
            check(sla_step_begin(&session, token), "step");
        }
        // A scheduler can run other tasks between slices.
        size_t left;
        do {
            check(sla_slice(&session, &left), "slice");
        } while (left);
        check(sla_logits(&session, logits, LOGITS), "logits");
        digest = crc(digest, logits, info->outputs * sizeof logits[0]);
        check(sla_argmax(&session, &token), "argmax");
    }
    return digest;
}

// A byte-level model continues a prompt.
static void write_text(void) {
    static const char prompt[] = "ROMEO:\n";
    uint32_t tokens[sizeof prompt - 1];
    for (size_t i = 0; i < sizeof prompt - 1; i++) {
        tokens[i] = (uint8_t)prompt[i];
    }
    put(prompt);
    sla_sampler sampler;
    check(sla_sampler_open(&sampler, sla_sampler_defaults()), "sampler");
    check(sla_reset(&session), "reset");
    check(sla_prefill(&session, tokens, sizeof prompt - 1), "prompt");
    for (int step = 0; step < 3 * STEPS; step++) {
        uint32_t token;
        check(sla_sample(&sampler, &session, &token), "sample");
        put((char[]){(char)token, 0});
        check(sla_step(&session, token), "step");
    }
    put("\n");
}

int main(void) {
    sla_plan plan;
    sla_info info;
    check(sla_check_version(SLA_VERSION_NUMBER), "sla.h");
    check(sla_model_open(&model, model_begin, (size_t)(model_end - model_begin)), "model");
    check(sla_model_plan(&model, &plan), "plan");
    check(sla_model_info(&model, &info), "info");
    check(sla_self_test(&model, state, STATE_WORDS, scratch, SCRATCH_WORDS), "self-test");
    check(sla_session_open(&session, &model, state, STATE_WORDS, scratch, SCRATCH_WORDS), "session");
    if (info.outputs > LOGITS || (info.reads_features && info.inputs > FEATURES)) {
        put("error: this example is for models of up to 256 outputs and features\n");
        leave(1);
    }

    put("digest of 64 steps ");
    put_hex(digest_of_steps(&info));
    put("\n");
    if (!info.reads_features && info.inputs == 256) {
        write_text();
    }
    put("state ");
    put_number(4 * plan.state_words);
    put(" bytes, scratch ");
    put_number(4 * plan.scratch_words);
    put(" bytes\n");
    return 0;
}
