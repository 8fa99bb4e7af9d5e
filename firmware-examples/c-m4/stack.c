// Measures the stack of every function of the library: paints what is below the stack pointer, calls, and finds how far down the paint is gone.
// Writes a line for each function that succeeds: its name and bytes. A model has not all of them: texts, labels, features.

#include "sla.h"
#include "platform.h"

extern const uint8_t model_begin[];
extern const uint8_t model_end[];

#define WORDS 65536
#define PAINT 0x57ac4b1du
#define PAINTED_WORDS 8192

static uint32_t state[WORDS], scratch[WORDS], words[WORDS];
static uint8_t snapshot[4 * WORDS];
static sla_model model;
static sla_session session;
static sla_sampler sampler;
static sla_decoder decoder;
static sla_plan plan;
static sla_info info;
static sla_sampler_config config;
static sla_status status;
static const char *label;
static const char text[] = "Hello world, it's 2026:\n  \xe4\xb8\x96\xf0\x9f\xa6\x80!";
static uint32_t token;
static bool ends;
static uint64_t position;
static size_t bytes, left, count;

#define FILE_BYTES ((size_t)(model_end - model_begin))
#define BUFFERS state, WORDS, scratch, WORDS

static void take(void *context, const char *part, size_t length) {
    (void)context;
    (void)part;
    count += length;
}

// One function each, which does nothing but the call.
#define CALL(name, ...) static void call_##name(void) { status = name(__VA_ARGS__); }
CALL(sla_file_bytes, model_begin, 16, &bytes)
CALL(sla_model_open, &model, model_begin, FILE_BYTES)
CALL(sla_model_plan, &model, &plan)
CALL(sla_model_info, &model, &info)
CALL(sla_is_end_of_text, &model, 1, &ends)
CALL(sla_label, &model, 0, &label, &bytes)
CALL(sla_self_test, &model, BUFFERS)
CALL(sla_session_open, &session, &model, BUFFERS)
CALL(sla_step, &session, 0)
CALL(sla_step_features, &session, (const int32_t *)words, info.inputs)
CALL(sla_prefill, &session, words, 3)
CALL(sla_position, &session, &position)
CALL(sla_logits, &session, (int32_t *)words, WORDS)
CALL(sla_argmax, &session, &token)
CALL(sla_sampler_open, &sampler, config)
CALL(sla_sampler_observe, &sampler, 1)
CALL(sla_check_version, SLA_VERSION_NUMBER)
CALL(sla_sample, &sampler, &session, &token)
CALL(sla_step_begin, &session, 0)
CALL(sla_step_features_begin, &session, (const int32_t *)words, info.inputs)
CALL(sla_slice, &session, &left)
CALL(sla_snapshot_bytes, &session, &bytes)
CALL(sla_save, &session, snapshot, sizeof snapshot)
CALL(sla_restore, &session, snapshot, bytes)
CALL(sla_reset, &session)
CALL(sla_encode, &model, text, sizeof text - 1, true, SLA_CONTROL_PARSE, words, WORDS, &count)
CALL(sla_decoder_open, &decoder, &model, true)
CALL(sla_decode, &decoder, token, take, 0)
CALL(sla_decode_end, &decoder, take, 0)

static void call_sla_encode_words(void) {
    count = sla_encode_words(sizeof text);
}

static void call_sla_version(void) {
    token = sla_version();
}

static void call_sla_status_text(void) {
    label = sla_status_text(SLA_OK);
}

static void call_sla_sampler_defaults(void) {
    config = sla_sampler_defaults();
}

static void report(const char *name, size_t used) {
    char digits[11];
    char *at = digits + sizeof digits - 1;
    *at = 0;
    do {
        *--at = (char)('0' + used % 10);
        used /= 10;
    } while (used);
    put(name);
    put(" ");
    put(at);
    put("\n");
}

// Nothing is called between the painting and the call: what is below the stack pointer belongs to nobody.
__attribute__((noinline)) static void measure(const char *name, void (*call)(void)) {
    volatile uint32_t *top;
    __asm__ volatile("mov %0, sp" : "=r"(top));
    for (volatile uint32_t *at = top - PAINTED_WORDS; at < top; at++) {
        *at = PAINT;
    }
    status = SLA_OK;
    call();
    volatile uint32_t *at = top - PAINTED_WORDS;
    while (at < top && *at == PAINT) {
        at++;
    }
    if (status == SLA_OK) {
        report(name, (size_t)(top - at) * sizeof *at);
    }
}

#define MEASURE(name) measure(#name, call_##name)

int main(void) {
    MEASURE(sla_file_bytes);
    MEASURE(sla_status_text);
    MEASURE(sla_version);
    MEASURE(sla_check_version);
    MEASURE(sla_model_open);
    MEASURE(sla_model_plan);
    MEASURE(sla_model_info);
    MEASURE(sla_is_end_of_text);
    MEASURE(sla_label);
    MEASURE(sla_self_test);
    MEASURE(sla_session_open);
    for (int step = 0; step < 4; step++) {
        MEASURE(sla_step);
        MEASURE(sla_step_features);
    }
    MEASURE(sla_prefill);
    MEASURE(sla_position);
    MEASURE(sla_logits);
    MEASURE(sla_argmax);
    MEASURE(sla_sampler_defaults);
    for (int greedy = 0; greedy < 2; greedy++) {
        config.temperature = greedy ? 0.0f : 1.5f;
        config.top_k = 0;
        config.top_p = 0.9f;
        config.repetition_penalty = 1.3f;
        MEASURE(sla_sampler_open);
        MEASURE(sla_sampler_observe);
        MEASURE(sla_sample);
    }
    for (int step = 0; step < 2; step++) {
        MEASURE(sla_step_begin);
        MEASURE(sla_step_features_begin);
        do {
            MEASURE(sla_slice);
        } while (left);
    }
    MEASURE(sla_snapshot_bytes);
    MEASURE(sla_save);
    MEASURE(sla_restore);
    MEASURE(sla_reset);
    MEASURE(sla_encode_words);
    MEASURE(sla_encode);
    size_t encoded = status == SLA_OK ? count : 0;
    MEASURE(sla_decoder_open);
    for (size_t i = 0; i < encoded; i++) {
        token = words[i];
        MEASURE(sla_decode);
    }
    MEASURE(sla_decode_end);
    return 0;
}
