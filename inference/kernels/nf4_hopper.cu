// Products with bitsandbytes' NF4 weights for few rows, as fast as memory delivers them; nf4_hopper.py starts it.
//
// As many programs as the device holds stay to the end. Each goes over items: a few groups of 16 outputs, and
// all inputs or a split of them. What it is about to multiply comes in stages of BLOCKS blocks of 64 inputs (the
// weights, their scales and x), copied into shared memory without passing through registers, STAGES - 1 of them
// ahead, across the ends of items too: the memory always has something to do. The first stages' weights are
// called before the kernel in front has ended.
//
// The tensor cores multiply 16 outputs and 16 inputs by 16 inputs and 8 rows. Lane 4 g + c of a warp holds
// outputs g and g + 8 and row g, each at the same four of the inputs, whichever these are: here four of the 16
// in a row that begin at 16 c of a block. So a lane's part of a block is 8 bytes of weights side by side, and 32
// of x. A byte is two codes, the earlier weight's in the upper four bits, and a lane's neighbours in a factor
// are two weights: a table of 256 such pairs gives what the tensor cores take, four bytes for each byte. It lies
// in shared memory 32 times, so that each lane reads in a bank of its own.
//
// Defined outside: KIND, "bf16" or "f16"; EIGHTS, of rows, some of which may be beyond the last; X_ROWS, 1 or
// 8 * EIGHTS, rows that are copied; TILES, groups of 16 outputs of a warp; GROUPS and PARTS: warps that have
// other outputs, and other blocks of a stage; BLOCKS and STAGES; SHARED, the bytes
// that a program is given; TOGETHER, programs for which a multiprocessor has room.

typedef unsigned int word;
typedef unsigned char byte;
typedef unsigned long long address;

constexpr int BLOCK = 64;  // Inputs that share a scale.
constexpr int OUTPUTS = 16 * TILES * GROUPS;
constexpr int THREADS = 32 * GROUPS * PARTS;
constexpr int STEP = BLOCKS / PARTS;  // Blocks of a stage that a warp multiplies.

// A stage in shared memory, in bytes. Rows are a little longer than what they hold, so that the rows that are
// read at the same time begin in different banks.
constexpr int PACKED_ROW = BLOCKS * BLOCK / 2 + (BLOCKS % 2 ? 0 : 32);
constexpr int X_ROW = BLOCKS * BLOCK * 2 + 16;
constexpr int SCALES_ROW = 4 * (BLOCKS | 1);
constexpr int X_AT = OUTPUTS * PACKED_ROW;
constexpr int SCALES_AT = X_AT + X_ROWS * X_ROW;
constexpr int STAGE = SCALES_AT + OUTPUTS * SCALES_ROW;
static_assert(BLOCKS % PARTS == 0 && STAGE % 16 == 0);

// Behind the stages: the sums of all parts but the first, and a barrier for each stage.
constexpr int SUMS_AT = STAGES * STAGE;
constexpr int SUMS = GROUPS * TILES * EIGHTS * 512;
constexpr int BARRIERS_AT = SUMS_AT + (PARTS - 1) * SUMS;
static_assert(SHARED == BARRIERS_AT + 8 * STAGES, "nf4_hopper.py reckons the same");

__device__ word load(word at) {
    word value;
    asm volatile("ld.shared.b32 %0, [%1];" : "=r"(value) : "r"(at));
    return value;
}

__device__ uint2 load_2(word at) {
    uint2 value;
    asm volatile("ld.shared.v2.b32 {%0, %1}, [%2];" : "=r"(value.x), "=r"(value.y) : "r"(at));
    return value;
}

__device__ uint4 load_4(word at) {
    uint4 value;
    asm volatile("ld.shared.v4.b32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(value.x), "=r"(value.y), "=r"(value.z), "=r"(value.w) : "r"(at));
    return value;
}

__device__ void store_4(word at, uint4 value) {
    asm volatile("st.shared.v4.b32 [%0], {%1, %2, %3, %4};"
                 :: "r"(at), "r"(value.x), "r"(value.y), "r"(value.z), "r"(value.w) : "memory");
}

// Has 16 bytes, or 4, copied into shared memory; zeros if they are not `there`.
__device__ void copy_16(word to, const void* from, bool there) {
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;"
                 :: "r"(to), "l"(from), "r"(there ? 16 : 0) : "memory");
}

__device__ void copy_4(word to, const void* from, bool there) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;"
                 :: "r"(to), "l"(from), "r"(there ? 4 : 0) : "memory");
}

// Tells a stage's barrier when what this thread has had copied so far has come.
__device__ void announce(word barrier) {
    asm volatile("cp.async.mbarrier.arrive.noinc.shared.b64 [%0];" :: "r"(barrier) : "memory");
}

__device__ void wait(word barrier, word phase) {
    asm volatile("{\n.reg .pred come;\nagain: mbarrier.try_wait.parity.shared.b64 come, [%0], %1;\n"
                 "@!come bra again;\n}" :: "r"(barrier), "r"(phase) : "memory");
}

__device__ void multiply(float (&sum)[4], const word (&weights)[4], word x, word further_x) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." KIND "." KIND ".f32 "
                 "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
                 : "r"(weights[0]), "r"(weights[1]), "r"(weights[2]), "r"(weights[3]), "r"(x), "r"(further_x));
}

__device__ uint4 as_words(const float (&sum)[4]) {
    return {__float_as_uint(sum[0]), __float_as_uint(sum[1]), __float_as_uint(sum[2]), __float_as_uint(sum[3])};
}

__device__ void add(float (&sum)[4], uint4 other) {
    sum[0] += __uint_as_float(other.x), sum[1] += __uint_as_float(other.y);
    sum[2] += __uint_as_float(other.z), sum[3] += __uint_as_float(other.w);
}

__device__ void store(void* out, bool whole, address at, float value) {
    unsigned short rounded;
    asm("cvt.rn." KIND ".f32 %0, %1;" : "=h"(rounded) : "f"(value));
    if (whole) ((float*)out)[at] = value;
    else ((unsigned short*)out)[at] = rounded;
}

struct Operands {
    const byte* x;       // (rows, inputs) in KIND
    const byte* packed;  // (outputs, inputs / 2)
    const float* scales; // (outputs, blocks)
    int rows, outputs, blocks;
    int splits, steps;   // of the inputs; stages of a split
    int items;           // (outputs / OUTPUTS, splits)
};

// A place in the order of a program's stages.
struct Place {
    int item = blockIdx.x, step = 0, slot = 0;
    word phase = 0;

    __device__ void advance(const Operands& of) {
        if (++step == of.steps) step = 0, item += gridDim.x;
        if (++slot == STAGES) slot = 0, phase ^= 1;
    }
};

__device__ void call_weights(const Operands& of, const Place& place, word stage) {
    const int output = place.item / of.splits * OUTPUTS;
    const int block = (place.item % of.splits * of.steps + place.step) * BLOCKS;
#pragma unroll
    for (int i = threadIdx.x; i < OUTPUTS * BLOCKS * 2; i += THREADS) {
        const int row = i / (BLOCKS * 2), piece = i % (BLOCKS * 2);
        const address at = (address)min(output + row, of.outputs - 1) * of.blocks + block;
        const bool there = block + piece / 2 < of.blocks;
        copy_16(stage + row * PACKED_ROW + piece * 16, of.packed + (there ? at * (BLOCK / 2) + piece * 16 : 0), there);
    }
#pragma unroll
    for (int i = threadIdx.x; i < OUTPUTS * BLOCKS; i += THREADS) {
        const int row = i / BLOCKS, piece = i % BLOCKS;
        const address at = (address)min(output + row, of.outputs - 1) * of.blocks + block;
        const bool there = block + piece < of.blocks;
        copy_4(stage + SCALES_AT + row * SCALES_ROW + piece * 4, of.scales + (there ? at + piece : 0), there);
    }
}

__device__ void call_x(const Operands& of, const Place& place, word stage) {
    const int block = (place.item % of.splits * of.steps + place.step) * BLOCKS;
#pragma unroll
    for (int i = threadIdx.x; i < X_ROWS * BLOCKS * 8; i += THREADS) {
        const int row = i / (BLOCKS * 8), piece = i % (BLOCKS * 8);
        const bool there = block + piece / 8 < of.blocks && row < of.rows;
        const address at = ((address)row * of.blocks + block) * (BLOCK * 2) + piece * 16;
        copy_16(stage + X_AT + row * X_ROW + piece * 16, of.x + (there ? at : 0), there);
    }
}

// The pairs of values of four bytes; `lane` is the lane's place in each of the table's rows of 128 bytes.
__device__ void look_up(word codes, const byte* table, word lane, word (&pairs)[4]) {
    pairs[0] = *(const word*)(table + ((codes << 7 & 0x7f80) | lane));
    pairs[1] = *(const word*)(table + ((codes >> 1 & 0x7f80) | lane));
    pairs[2] = *(const word*)(table + ((codes >> 9 & 0x7f80) | lane));
    pairs[3] = *(const word*)(table + ((codes >> 17 & 0x7f80) | lane));
}

// out: (rows, outputs) in KIND, or with splits float, (splits, rows, outputs).
extern "C" __global__ void __launch_bounds__(THREADS, TOGETHER) nf4_product(
    const byte* x, const byte* packed, const float* scales, const word* pairs, void* out,
    int rows, int outputs, int blocks, int splits, int steps, int items
) {
    extern __shared__ __align__(128) byte stages[];
    __shared__ __align__(128) byte table[256 * 128];
    const Operands of = {x, packed, scales, rows, outputs, blocks, splits, steps, items};
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, g = lane / 4, c = lane % 4;
    const int group = warp / PARTS, part = warp % PARTS;
    const word ring = __cvta_generic_to_shared(stages), sums = ring + SUMS_AT, barriers = ring + BARRIERS_AT;

    // Each thread announces each stage twice, its weights and its x.
    if (threadIdx.x < STAGES)
        asm volatile("mbarrier.init.shared.b64 [%0], %1;" :: "r"(barriers + 8 * threadIdx.x), "r"(2 * THREADS));
    __syncthreads();
    Place ahead;
    for (int i = 1; i < STAGES && ahead.item < items; i++, ahead.advance(of)) {
        call_weights(of, ahead, ring + ahead.slot * STAGE);
        announce(barriers + 8 * ahead.slot);
    }
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
    for (int i = threadIdx.x; i < 256; i += THREADS) {
        const word pair = pairs[i];
        for (int turn = lane; turn < lane + 8; turn++)
            store_4(__cvta_generic_to_shared(table) + i * 128 + turn % 8 * 16, {pair, pair, pair, pair});
    }
    asm volatile("griddepcontrol.wait;" ::: "memory");
    Place also;
    for (int i = 1; i < STAGES && also.item < items; i++, also.advance(of)) {
        call_x(of, also, ring + also.slot * STAGE);
        announce(barriers + 8 * also.slot);
    }

    float total[TILES][EIGHTS][4] = {};
    for (Place here; here.item < items; here.advance(of)) {
        wait(barriers + 8 * here.slot, here.phase);
        __syncthreads();  // All have left the stage before, whose place is the next one's.
        if (ahead.item < items) {
            call_weights(of, ahead, ring + ahead.slot * STAGE);
            announce(barriers + 8 * ahead.slot);
            call_x(of, ahead, ring + ahead.slot * STAGE);
            announce(barriers + 8 * ahead.slot);
            ahead.advance(of);
        }
        const word stage = ring + here.slot * STAGE;
        const int first = group * TILES * 16 + g;
        const word packed_at = stage + first * PACKED_ROW + part * STEP * (BLOCK / 2) + c * 8;
        const word scales_at = stage + SCALES_AT + first * SCALES_ROW + part * STEP * 4;
        const word x_at = stage + X_AT + (X_ROWS > 1 ? g * X_ROW : 0) + part * STEP * (BLOCK * 2) + c * 32;
#pragma unroll 2
        for (int block = 0; block < STEP; block++) {
            word weights[TILES][4][4];
            float scale[TILES][2];
#pragma unroll
            for (int half = 0; half < 2 * TILES; half++) {
                const int tile = half / 2, upper = half % 2;
                scale[tile][upper] = __uint_as_float(load(scales_at + half * 8 * SCALES_ROW + block * 4));
                const uint2 codes = load_2(packed_at + half * 8 * PACKED_ROW + block * (BLOCK / 2));
                word found[2][4];
                look_up(codes.x, table, lane * 4, found[0]);
                look_up(codes.y, table, lane * 4, found[1]);
#pragma unroll
                for (int four = 0; four < 4; four++) {
                    weights[tile][four][upper] = found[four / 2][four % 2 * 2];
                    weights[tile][four][upper + 2] = found[four / 2][four % 2 * 2 + 1];
                }
            }
#pragma unroll
            for (int eight = 0; eight < EIGHTS; eight++) {
                const word at = x_at + eight * 8 * X_ROW + block * (BLOCK * 2);
                const uint4 low = load_4(at), high = load_4(at + 16);
#pragma unroll
                for (int tile = 0; tile < TILES; tile++) {
                    float sum[4] = {};
                    multiply(sum, weights[tile][0], low.x, low.y);
                    multiply(sum, weights[tile][1], low.z, low.w);
                    multiply(sum, weights[tile][2], high.x, high.y);
                    multiply(sum, weights[tile][3], high.z, high.w);
#pragma unroll
                    for (int i = 0; i < 4; i++) total[tile][eight][i] += sum[i] * scale[tile][i / 2];
                }
            }
        }
        if (here.step + 1 < steps) continue;
        // The item's end: the parts' sums are joined, and the first part stores.
        const word sums_at = sums + group * TILES * EIGHTS * 512 + lane * 16;
        const int split = here.item % splits, output = here.item / splits * OUTPUTS + first;
        if (PARTS > 1) {
#pragma unroll
            for (int i = 0; part > 0 && i < TILES * EIGHTS; i++)
                store_4(sums_at + (part - 1) * SUMS + i * 512, as_words(total[i / EIGHTS][i % EIGHTS]));
            __syncthreads();
        }
#pragma unroll
        for (int tile = 0; tile < TILES; tile++)
#pragma unroll
            for (int eight = 0; eight < EIGHTS; eight++) {
                float(&sum)[4] = total[tile][eight];
                if (part == 0) {
#pragma unroll
                    for (int other = 0; other < PARTS - 1; other++)
                        add(sum, load_4(sums_at + other * SUMS + (tile * EIGHTS + eight) * 512));
#pragma unroll
                    for (int i = 0; i < 4; i++) {
                        const int column = output + tile * 16 + i / 2 * 8, row = eight * 8 + c * 2 + i % 2;
                        if (column < outputs && row < rows)
                            store(out, splits > 1, ((address)split * rows + row) * outputs + column, sum[i]);
                    }
                }
#pragma unroll
                for (int i = 0; i < 4; i++) sum[i] = 0;
            }
    }
}
