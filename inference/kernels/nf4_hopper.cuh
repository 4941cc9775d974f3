// What a program of nf4_hopper.cu has in shared memory, and the order in which it works. What is defined outside
// is explained there.

#pragma once

#include "instructions.cuh"

constexpr int BLOCK = 64;  // Inputs that share a scale.
constexpr int CHUNK = 4;   // Blocks whose weights are the 128 bytes that are copied in a row.
constexpr int OUTPUTS = 16 * TILES * GROUPS;
constexpr int WARPS = GROUPS * PARTS;  // That multiply.
constexpr int STEP = BLOCKS >= CHUNK * PARTS ? CHUNK : BLOCKS / PARTS;  // Blocks in a row of a part.
constexpr int AT_ONCE = TILES * EIGHTS >= 4 ? 2 : STEP;  // More would not fit in registers.

// Shared memory, in bytes: rings of weights (chunks, outputs), x (blocks, rows) and scales (chunks, outputs), the
// table, the sums of all parts twice, and the barriers.
constexpr int PACKED = OUTPUTS * BLOCKS * BLOCK / 2;
constexpr int X = X_ROWS * BLOCKS * BLOCK * 2;
constexpr int SCALES = OUTPUTS * BLOCKS * 4;
constexpr int SUMS = PARTS > 1 ? WARPS * TILES * EIGHTS * 512 : 0;
constexpr int X_AT = STAGES * PACKED;
constexpr int SCALES_AT = X_AT + STAGES * X;
constexpr int TABLE_AT = SCALES_AT + STAGES * SCALES;
constexpr int SUMS_AT = TABLE_AT + 256 * 128;
constexpr int BARRIERS_AT = SUMS_AT + 2 * SUMS;
static_assert(BLOCKS % CHUNK == 0 && BLOCKS % PARTS == 0);
static_assert(SHARED == BARRIERS_AT + 8 * (2 * STAGES + 4), "nf4_hopper.py reckons the same");

struct Operands {
    void* out;           // (rows, outputs) in KIND, or with splits float, (splits, rows, outputs)
    int rows, outputs, blocks;
    int splits, steps;   // of the inputs; stages of a split
    int items;           // (outputs / OUTPUTS, splits)
};

// The barriers, of the ring's places and of those for sums.
struct Barriers {
    word first;

    __device__ word full(int place) const { return first + 8 * place; }
    __device__ word empty(int place) const { return first + 8 * (STAGES + place); }
    __device__ word given(int place) const { return first + 8 * (2 * STAGES + place); }
    __device__ word taken(int place) const { return first + 8 * (2 * STAGES + 2 + place); }
};

// A place in the order of a program's stages.
struct Stage {
    const Operands& of;
    int item, output, block;  // These two are the stage's first.
    int step = 0, place = 0;
    word phase = 0;

    __device__ explicit Stage(const Operands& of): of(of) { begin(blockIdx.x); }
    __device__ bool is_there() const { return item < of.items; }
    __device__ bool ends_item() const { return step + 1 == of.steps; }
    __device__ void begin(int next) {
        item = next;
        output = (of.splits > 1 ? item / of.splits : item) * OUTPUTS;
        block = of.splits > 1 ? item % of.splits * of.steps * BLOCKS : 0;
    }
    __device__ void advance() {
        block += BLOCKS;
        if (++step == of.steps) step = 0, begin(item + gridDim.x);
        if (++place == STAGES) place = 0, phase ^= 1;
    }
};
