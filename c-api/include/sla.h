// C interface of the SLA runtime. Made by cbindgen from c-api/src; do not edit. C99, C++98 and
// later.
//
// Every function returns a status, 0 for success; results are written behind the last pointers.
// Nothing is allocated: models, sessions, samplers and decoders live in storage that the caller
// owns, begins as zeros or opens before use, and neither moves nor copies while it is open. One
// session belongs to one thread at a time; any number of threads and sessions read one model.
//
// Version. A program calls sla_check_version(SLA_VERSION_NUMBER) once, before anything else.
//
// Scratch. Sessions can share a scratch buffer: they are opened with the same pointer to it, and no
// two of them run at the same time. What the last step of a session left there (logits, the rest of
// a step in slices, part of a snapshot) is gone when another session uses it. Then what needs it
// returns SLA_DISPLACED, until the session takes a new step, which is right, or is reset or
// restored. A step that had begun is lost: if none of it had run, one call says so and the next
// step goes on from before it; if some had, only sla_reset and sla_restore lead on. Between calls
// the buffer can be used for something else by a program that leaves no copy of its first four
// words in them.
//
// Stack. No function blocks or recurses. On a Cortex-M4F they take at most so many bytes below the
// caller's (sla_decode and sla_decode_end: and what the text function takes); `cargo xtask c-api
// --check` measures them:
//
//     64 sla_file_bytes sla_is_end_of_text sla_encode_words sla_sampler_defaults
//     64 sla_sampler_observe sla_version sla_check_version sla_decode_end sla_status_text
//    160 sla_model_plan
//    512 sla_decode sla_label sla_model_info sla_sampler_open
//   2048 sla_session_open sla_position sla_reset sla_snapshot_bytes sla_save sla_restore
//   2048 sla_step_begin sla_step_features_begin sla_logits sla_argmax
//   2560 sla_step sla_step_features sla_prefill sla_slice sla_self_test sla_encode sla_decoder_open
//   2560 sla_model_open
//   8192 sla_sample

#ifndef SLA_H
#define SLA_H

#include <stddef.h>
#include <stdint.h>
#ifndef __cplusplus
#include <stdbool.h>
#endif

// Version of this header: breaking changes.
#define SLA_VERSION_MAJOR 0

// Version of this header: additions, and while the major number is 0 breaking changes too.
#define SLA_VERSION_MINOR 2

// Version of this header: mends.
#define SLA_VERSION_PATCH 0

// Version of this header as one number, major * 65536 + minor * 256 + patch.
#define SLA_VERSION_NUMBER 512

// Result of a call. 0 is success.
typedef enum {
  // Success.
  SLA_OK = 0,
  // A pointer is null.
  SLA_NULL = 1,
  // A buffer or structure is not aligned for its type.
  SLA_MISALIGNED = 2,
  // The model, session, sampler or decoder was never opened, the session's model is another by
  // now, or the decoder is in a call.
  SLA_NOT_OPEN = 3,
  // The model does not start at a multiple of 16 bytes.
  SLA_MODEL_MISALIGNED = 4,
  // The file's length is not the one that its header gives.
  SLA_MODEL_LENGTH = 5,
  // Not a .sla file.
  SLA_NOT_SLA = 6,
  // A version of the format that this library does not read.
  SLA_VERSION = 7,
  // The checksum does not match.
  SLA_CHECKSUM = 8,
  // The file contradicts itself.
  SLA_INVALID = 9,
  // The library was built without a feature that the model needs.
  SLA_FEATURE = 10,
  // The state buffer is too short.
  SLA_STATE = 11,
  // The scratch buffer is too short.
  SLA_SCRATCH = 12,
  // The token is not in the vocabulary.
  SLA_TOKEN = 13,
  // A feature vector of the wrong length.
  SLA_FEATURES = 14,
  // Tokens for a feature model, features for a language model, or an empty prompt.
  SLA_INPUT = 15,
  // The file has no self-test.
  SLA_NO_SELF_TEST = 16,
  // The self-test's logits are not the converter's.
  SLA_SELF_TEST = 17,
  // No label of this number.
  SLA_NO_LABEL = 18,
  // A buffer is too short for the result.
  SLA_ROOM = 19,
  // Not a snapshot, or of another version or length.
  SLA_NOT_A_SNAPSHOT = 20,
  // A snapshot of another model.
  SLA_SNAPSHOT_MODEL = 21,
  // A damaged snapshot.
  SLA_SNAPSHOT_DAMAGED = 22,
  // The model has no tokenizer.
  SLA_NO_TOKENIZER = 23,
  // Text that is not UTF-8.
  SLA_UTF8 = 24,
  // No logits yet: the session has taken no step.
  SLA_NO_STEP = 25,
  // What the session left in its scratch buffer is gone: another session has used it since, or
  // its owner has.
  SLA_DISPLACED = 26,
  // Two buffers overlap, or one is longer than memory.
  SLA_OVERLAP = 27,
  // The program was compiled with the header of another version than the library's.
  SLA_HEADER = 28
} sla_status;

// What becomes of control tokens, such as `<|im_end|>`, that are written out in a text.
typedef enum {
  // They are text like any other: for what a user wrote.
  SLA_CONTROL_AS_TEXT = 0,
  // They become their ids: for a text that its author has put them into.
  SLA_CONTROL_PARSE = 1
} sla_control_tokens;

// Storage of a model. Where it lives it has to stay while sessions use it.
typedef struct {
  // Not for use.
  uint64_t opaque[48];
} sla_model;

// Sizes of the buffers that a model needs, in 32-bit words.
typedef struct {
  // State of one session.
  size_t state_words;
  // Scratch, four words more than `sla inspect` says: they name the session that used it last.
  size_t scratch_words;
  // Scratch with which a prompt takes fewer instructions, with these words.
  size_t prompt_scratch_words;
} sla_plan;

// What a model is.
typedef struct {
  // Identity: the file's checksum.
  uint32_t id;
  // Size of the vocabulary, or length of a feature vector.
  uint32_t inputs;
  // Logits of a step: size of the vocabulary, or number of labels.
  uint32_t outputs;
  // Whether it reads feature vectors instead of tokens.
  bool reads_features;
  // Fraction bits of the features.
  int32_t feature_frac;
  // Begin-of-sequence token; UINT32_MAX without one.
  uint32_t bos;
  // End-of-sequence token, the first where there are several; UINT32_MAX without one.
  uint32_t eos;
  // Multiplications of matrix weights in a token.
  uint64_t macs;
} sla_info;

// How to choose.
typedef struct {
  // Divides the logits; 0 is greedy.
  float temperature;
  // Keep this many best tokens; 0 for as many as possible (256).
  uint32_t top_k;
  // Keep the fewest best tokens whose probabilities sum to this; 1 for all.
  float top_p;
  // Divides positive and multiplies negative logits of the last 64 tokens; 1 for none.
  float repetition_penalty;
  // Seed of the generator: the same seed gives the same text on every machine.
  uint64_t seed;
} sla_sampler_config;

// Storage of a sampler.
typedef struct {
  // Not for use.
  uint64_t opaque[48];
} sla_sampler;

// Storage of a session.
typedef struct {
  // Not for use.
  uint64_t opaque[16];
} sla_session;

// Storage of a decoder.
typedef struct {
  // Not for use.
  uint64_t opaque[64];
} sla_decoder;

// Takes `bytes` bytes of UTF-8, whole characters, without a final zero. `context` is what the
// caller gave.
typedef void (*sla_text)(void *context, const char *text, size_t bytes);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Length of the model file that begins with these bytes, of which 16 suffice: for a program that
// knows no more than where in flash the file is. Only magic and version are looked at;
// `sla_model_open` checks the rest.
//
// The caller promises:
// `start` points to `have` bytes; `bytes` is null or points to its type.
sla_status sla_file_bytes(const uint8_t *start, size_t have, size_t *bytes);

// Checks a file of `bytes` bytes, which stays where it is, and opens the model in it.
//
// The caller promises:
// `file` points to `bytes` bytes that stay and do not change while the model is used; `model` to
// its storage.
sla_status sla_model_open(sla_model *model, const uint8_t *file, size_t bytes);

// Sizes of the buffers.
//
// The caller promises:
// The pointers are null or point to their types.
sla_status sla_model_plan(const sla_model *model, sla_plan *out);

// What the model is.
//
// The caller promises:
// The pointers are null or point to their types.
sla_status sla_model_info(const sla_model *model, sla_info *out);

// Whether a text ends with `token`: `eos` of `sla_info`, or another one of several.
//
// The caller promises:
// The pointers are null or point to their types.
sla_status sla_is_end_of_text(const sla_model *model, uint32_t token, bool *out);

// The name of label `index` of a classifier: `*bytes` bytes of UTF-8 at `*text`, without a final
// zero.
//
// The caller promises:
// The pointers are null or point to their types.
sla_status sla_label(const sla_model *model, uint32_t index, const char **text, size_t *bytes);

// Runs the file's self-test: the converter's input must give the converter's logits. Scratch may
// be that of sessions, as if one more used it; the state buffer is no session's.
//
// The caller promises:
// `state` and `scratch` point to as many words as announced, which nobody else uses during the
// call.
sla_status sla_self_test(const sla_model *model,
                         uint32_t *state,
                         size_t state_words,
                         uint32_t *scratch,
                         size_t scratch_words);

// Usual settings.
sla_sampler_config sla_sampler_defaults(void);

// Opens a sampler at the start of its random sequence.
//
// The caller promises:
// `sampler` is null or points to its storage.
sla_status sla_sampler_open(sla_sampler *sampler, sla_sampler_config config);

// Tells the sampler of a token that was not its choice (a prompt), for the repetition penalty.
//
// The caller promises:
// `sampler` is null or points to an open or zeroed sampler.
sla_status sla_sampler_observe(sla_sampler *sampler, uint32_t token);

// Chooses the next token from the session's logits and remembers it.
//
// The caller promises:
// As `sla_sampler_observe` and `sla_reset`; `token` is null or points to its type.
sla_status sla_sample(sla_sampler *sampler, sla_session *session, uint32_t *token);

// Opens a session at the start of a stream. The buffers are of the sizes of `sla_model_plan` or
// longer and may hold anything; they are buffers of their own, but for scratch, which sessions can
// share.
//
// The caller promises:
// Model, buffers and session stay where they are, and only the session's calls change its state
// buffer, while the session is used.
sla_status sla_session_open(sla_session *session,
                            const sla_model *model,
                            uint32_t *state,
                            size_t state_words,
                            uint32_t *scratch,
                            size_t scratch_words);

// Back to the start of a stream.
//
// The caller promises:
// `session` is null or points to an open or zeroed session.
sla_status sla_reset(sla_session *session);

// Steps taken since the start of the stream.
//
// The caller promises:
// As `sla_reset`; `position` is null or points to its type.
sla_status sla_position(const sla_session *session, uint64_t *position);

// Advances by one token. Logits are computed when they are asked for.
//
// The caller promises:
// As `sla_reset`.
sla_status sla_step(sla_session *session, uint32_t token);

// Advances by one feature vector: `len` raw values with `feature_frac` fraction bits.
//
// The caller promises:
// As `sla_reset`; `features` points to `len` values.
sla_status sla_step_features(sla_session *session, const int32_t *features, size_t len);

// Advances over a prompt; only the last token's logits can be asked for.
//
// The caller promises:
// As `sla_reset`; `tokens` points to `len` tokens.
sla_status sla_prefill(sla_session *session, const uint32_t *tokens, size_t len);

// Begins `sla_step`, to be done in slices.
//
// The caller promises:
// As `sla_reset`.
sla_status sla_step_begin(sla_session *session, uint32_t token);

// Begins `sla_step_features`, to be done in slices.
//
// The caller promises:
// As `sla_step_features`.
sla_status sla_step_features_begin(sla_session *session, const int32_t *features, size_t len);

// Runs the next slice of a step that has begun and says how many are left. Without one it does
// nothing.
//
// The caller promises:
// As `sla_reset`; `left` is null or points to its type.
sla_status sla_slice(sla_session *session, size_t *left);

// Writes the logits of the last step, Q16: all of them (`outputs` of `sla_model_info`), or the
// first `len`. Room behind them is left as it is. A step in slices is finished first.
//
// The caller promises:
// As `sla_reset`; `out` points to room for `len` values.
sla_status sla_logits(sla_session *session, int32_t *out, size_t len);

// The index of the largest logit, the first of equals.
//
// The caller promises:
// As `sla_reset`; `best` is null or points to its type.
sla_status sla_argmax(sla_session *session, uint32_t *best);

// Length of the snapshots of this session's model.
//
// The caller promises:
// `session` is null or points to an open or zeroed session, `bytes` is null or points to its type.
sla_status sla_snapshot_bytes(const sla_session *session, size_t *bytes);

// Writes the session to `out`: what `sla_restore` goes on from, here or on another machine. A step
// in slices is finished first.
//
// The caller promises:
// As `sla_reset`; `out` points to room for `bytes` bytes.
sla_status sla_save(sla_session *session, uint8_t *out, size_t bytes);

// Goes on from a snapshot. One that is refused leaves the session as it was.
//
// The caller promises:
// As `sla_reset`; `snapshot` points to `bytes` bytes.
sla_status sla_restore(sla_session *session, const uint8_t *snapshot, size_t bytes);

// One line of English about a status, as a static string; "unknown status" for other numbers.
const char *sla_status_text(int32_t status);

// Words of a buffer in which every text of so many bytes can be encoded.
size_t sla_encode_words(size_t text_bytes);

// Encodes `bytes` bytes of UTF-8 with the model's tokenizer, and with what its template puts
// around them if `with_template`. `control_tokens` is a `sla_control_tokens`; every number but
// `SLA_CONTROL_PARSE` is `SLA_CONTROL_AS_TEXT`. The first `*count` words of `ids` are the tokens;
// the rest is used for the work.
//
// The caller promises:
// The pointers are null or point to as much as announced.
sla_status sla_encode(const sla_model *model,
                      const char *text,
                      size_t bytes,
                      bool with_template,
                      uint32_t control_tokens,
                      uint32_t *ids,
                      size_t words,
                      size_t *count);

// Opens a decoder at the start of a text. Special tokens are left out, or written as what they are
// called.
//
// The caller promises:
// The pointers are null or point to their types; the model's file stays while the decoder is used.
sla_status sla_decoder_open(sla_decoder *decoder, const sla_model *model, bool skip_special);

// Gives `text` what a token completes, perhaps in several parts, perhaps nothing yet.
//
// The caller promises:
// `decoder` is null or points to an open or zeroed decoder; `text` may be called with `context`,
// and does not use the decoder.
sla_status sla_decode(sla_decoder *decoder, uint32_t id, sla_text text, void *context);

// The end of the text: a replacement for a character that is not complete.
//
// The caller promises:
// As `sla_decode`.
sla_status sla_decode_end(sla_decoder *decoder, sla_text text, void *context);

// Version of the library that is linked, as `SLA_VERSION_NUMBER` counts.
uint32_t sla_version(void);

// Whether a program that was compiled with the header of version `header` can call this library:
// `sla_check_version(SLA_VERSION_NUMBER)` is `SLA_OK`, or `SLA_HEADER` if the two do not belong
// together. They do if the major numbers are equal, and the library's minor number is the header's
// or, from 1.0 on, a later one. A program calls this once, before anything else.
sla_status sla_check_version(uint32_t header);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SLA_H */
