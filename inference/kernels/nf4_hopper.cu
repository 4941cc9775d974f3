// Products with bitsandbytes' NF4 weights for few rows; nf4_hopper.py starts it.
//
// Each multiprocessor has one program to the end. It goes over items: a few groups of 16 outputs, and all
// inputs or a split of them. What it is about to multiply comes in stages of BLOCKS blocks of 64 inputs, into
// a ring of STAGES places in shared memory. One thread has the device's copying engine bring it, as soon as a
// place is free; as no kernel writes the weights and their scales, the first of them come while the kernel in
// front is still busy, and x, which that one may be writing, after it. The warps that multiply wait for a stage,
// and for nothing else. Where several of them share outputs (PARTS), they hand their sums to a last warp.
//
// The tensor cores multiply 16 outputs and 16 inputs by 16 inputs and 8 rows. Lane 4 g + c of a warp holds
// two outputs and row g, each at the same four of the inputs, whichever these are: here four of the 16
// in a row that begin at 16 c of a block. So a lane's part of a block is 8 bytes of weights side by side, and 32
// of x. A byte is two codes, the earlier weight's in the upper four bits, and a lane's neighbours in a factor
// are two weights: a table of 256 such pairs gives what the tensor cores take, four bytes for each byte. It lies
// in shared memory 32 times, so that each lane reads in a bank of its own.
//
// Defined outside: KIND, "bf16" or "f16"; VALUES, the 16 codes' values as bits of that type; EIGHTS, of rows,
// some of which may be beyond the last; X_ROWS, 1 or 8 * EIGHTS, rows for which there is room; TILES, groups of
// 16 outputs of a warp; GROUPS and PARTS: warps that have other outputs, and other blocks of a stage; BLOCKS and
// STAGES; SHARED, the bytes that a program is given.

#include "nf4_hopper.cuh"

__constant__ const unsigned short VALUE[16] = {VALUES};

// Brings all stages, by one thread.
__device__ void bring(
    const Operands& of, const Map& packed, const Map& scales, const Map& x, word ring, const Barriers& barriers
) {
    Stage ahead(of), first(of);
    const auto bring_weights = [&] {
        const word barrier = barriers.full(ahead.place);
        arrive_and_expect(barrier, PACKED + SCALES + X);
        copy_box(ring + ahead.place * PACKED, packed, ahead.output, ahead.block / CHUNK, barrier);
        copy_box(ring + SCALES_AT + ahead.place * SCALES, scales, ahead.output, ahead.block / CHUNK, barrier);
    };
    const auto bring_x = [&](const Stage& stage) {
        copy_box(ring + X_AT + stage.place * X, x, 0, stage.block, barriers.full(stage.place));
    };
    for (int i = 0; i < STAGES && ahead.is_there(); i++, ahead.advance()) bring_weights();
    let_next_start();
    wait_for_others();
    for (int i = 0; i < STAGES && first.is_there(); i++, first.advance()) bring_x(first);
    for (; ahead.is_there(); ahead.advance()) {
        wait(barriers.empty(ahead.place), ahead.phase ^ 1);
        bring_weights(), bring_x(ahead);
    }
}

// The outputs of a tile in the order of the lanes. The copies exchange pieces of 16 bytes in each 128, by the
// output's last three bits; lanes that read at the same time have outputs two apart, and so all banks.
__device__ int output_of(int g) {
    return g * 2 % 8 + g / 4;
}

__device__ void store(const Operands& of, const float (&sum)[4], int item, int tile, int eight, int lane) {
    const int split = of.splits > 1 ? item % of.splits : 0, across = of.splits > 1 ? item / of.splits : item;
    const int output = across * OUTPUTS + tile * 16 + output_of(lane / 4), row = eight * 8 + lane % 4 * 2;
#pragma unroll
    for (int i = 0; i < 4; i++) {
        if (output + i / 2 * 8 >= of.outputs || row + i % 2 >= of.rows) continue;
        const address at = ((address)split * of.rows + row + i % 2) * of.outputs + output + i / 2 * 8;
        if (of.splits > 1) ((float*)of.out)[at] = sum[i];
        else ((unsigned short*)of.out)[at] = rounded(sum[i]);
    }
}

// Joins and stores the sums of all parts, by one warp.
__device__ void finish(const Operands& of, int lane, word sums, const Barriers& barriers) {
    word place = 0, phase = 0;
    for (int item = blockIdx.x; item < of.items; item += gridDim.x) {
        wait(barriers.given(place), phase);
        for (int i = 0; i < GROUPS * TILES * EIGHTS; i++) {
            float sum[4] = {};
#pragma unroll
            for (int part = 0; part < PARTS; part++) {
                const uint4 other = load_4(sums + place * SUMS + (i * PARTS + part) * 512 + lane * 16);
                sum[0] += __uint_as_float(other.x), sum[1] += __uint_as_float(other.y);
                sum[2] += __uint_as_float(other.z), sum[3] += __uint_as_float(other.w);
            }
            store(of, sum, item, i / EIGHTS, i % EIGHTS, lane);
        }
        __syncwarp();
        if (lane == 0) arrive(barriers.taken(place));
        if (place ^= 1, place == 0) phase ^= 1;
    }
}

// The pairs of values of four bytes; `lane` is the lane's place in each of the table's rows of 128 bytes.
__device__ void look_up(word codes, word table, word lane, word (&pairs)[4]) {
    pairs[0] = load(table + ((codes << 7 & 0x7f80) | lane));
    pairs[1] = load(table + ((codes >> 1 & 0x7f80) | lane));
    pairs[2] = load(table + ((codes >> 9 & 0x7f80) | lane));
    pairs[3] = load(table + ((codes >> 17 & 0x7f80) | lane));
}

// Of a single row only the lanes of g = 0 hold something, and the sums of the others are not looked at.
__device__ uint4 load_x(word at, int g) {
    return X_ROWS > 1 ? load_4(at) : load_4_if_zero(g, at);
}

extern "C" __global__ void __launch_bounds__(32 * (WARPS + 2), 1) nf4_product(
    const __grid_constant__ Map packed, const __grid_constant__ Map scales, const __grid_constant__ Map x,
    void* out, int rows, int outputs, int blocks, int splits, int steps, int items
) {
    extern __shared__ __align__(1024) byte shared[];
    const Operands of = {out, rows, outputs, blocks, splits, steps, items};
    const int warp = __shfl_sync(~0u, threadIdx.x / 32, 0), lane = threadIdx.x % 32;
    const word ring = __cvta_generic_to_shared(shared), sums = ring + SUMS_AT, table = ring + TABLE_AT;
    const Barriers barriers = {ring + BARRIERS_AT};

    if (threadIdx.x == 0) {
        for (int i = 0; i < STAGES; i++) prepare(barriers.full(i), 1), prepare(barriers.empty(i), WARPS);
        for (int i = 0; i < 2; i++) prepare(barriers.given(i), WARPS), prepare(barriers.taken(i), 1);
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");  // The copying engine sees them too.
    }
    __syncthreads();
    if (warp == WARPS) {
        if (lane == 0) bring(of, packed, scales, x, ring, barriers);
        return;
    }
    if (warp > WARPS) {
        if (PARTS > 1) finish(of, lane, sums, barriers);
        return;
    }
    for (int i = threadIdx.x; i < 256; i += 32 * WARPS) {
        const word pair = VALUE[i / 16] | VALUE[i % 16] << 16;
        for (int turn = lane; turn < lane + 8; turn++)
            store_4(table + i * 128 + turn % 8 * 16, {pair, pair, pair, pair});
    }
    asm volatile("bar.sync 1, %0;" :: "n"(32 * WARPS) : "memory");  // Of the warps that multiply.

    const int g = lane / 4, c = lane % 4, group = warp / PARTS, part = warp % PARTS;
    const int first = group * TILES * 16 + output_of(g);
    float total[TILES][EIGHTS][4] = {};
    word sums_place = 0, sums_phase = 0;
    for (Stage stage(of); stage.is_there(); stage.advance()) {
        const int count = min(BLOCKS, blocks - stage.block);
        const word packed_at = ring + stage.place * PACKED + first * 128 + c % 2 * 8;
        const word scales_at = ring + SCALES_AT + stage.place * SCALES + first * 16;
        const word x_at = ring + X_AT + stage.place * X + (X_ROWS > 1 ? g * 128 : 0);
        wait(barriers.full(stage.place), stage.phase);
        for (int turn = part; turn * STEP < count; turn += PARTS) {
            const int chunk = turn / (CHUNK / STEP), start = turn % (CHUNK / STEP) * STEP;
#pragma unroll AT_ONCE
            for (int block = start; block < start + STEP; block++) {
                word weights[TILES][4][4];
                float scale[TILES][2];
#pragma unroll
                for (int half = 0; half < 2 * TILES; half++) {
                    const int tile = half / 2, upper = half % 2, piece = (block * 2 + c / 2) ^ output_of(g);
                    const word at = scales_at + chunk * OUTPUTS * 16 + half * 128 + block * 4;
                    const uint2 codes = load_2(packed_at + chunk * OUTPUTS * 128 + half * 1024 + piece * 16);
                    scale[tile][upper] = __uint_as_float(load(at));
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
                    const word at = x_at + ((chunk * CHUNK + block) * X_ROWS + eight * 8) * 128;
                    const int piece = X_ROWS > 1 ? c * 2 ^ g : c * 2;
                    const uint4 low = load_x(at + piece * 16, g), high = load_x(at + (piece ^ 1) * 16, g);
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
        }
        __syncwarp();
        if (lane == 0) arrive(barriers.empty(stage.place));
        if (!stage.ends_item()) continue;
        if (PARTS > 1) wait(barriers.taken(sums_place), sums_phase ^ 1);
#pragma unroll
        for (int tile = 0; tile < TILES; tile++)
#pragma unroll
            for (int eight = 0; eight < EIGHTS; eight++) {
                float(&sum)[4] = total[tile][eight];
                const int i = (group * TILES + tile) * EIGHTS + eight;
                const word at = sums + sums_place * SUMS + (i * PARTS + part) * 512 + lane * 16;
                if (PARTS == 1) store(of, sum, stage.item, i / EIGHTS, eight, lane);
                else store_4(at, {__float_as_uint(sum[0]), __float_as_uint(sum[1]),
                                  __float_as_uint(sum[2]), __float_as_uint(sum[3])});
                sum[0] = sum[1] = sum[2] = sum[3] = 0;
            }
        if (PARTS == 1) continue;
        __syncwarp();
        if (lane == 0) arrive(barriers.given(sums_place));
        if (sums_place ^= 1, sums_place == 0) sums_phase ^= 1;
    }
}
