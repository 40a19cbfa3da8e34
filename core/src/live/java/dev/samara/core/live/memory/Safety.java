// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

import dev.samara.core.mman.Mman;

/**
 * Determines which operations a judge survives, i.e. operations that neither change nor query the judge's own memory.
 */
final class Safety {
    private static final long PAGE = 4096;
    private static final long LIMIT = KernelWorld.GEOMETRY.limit();

    private Safety() {}

    static boolean isSafe(Place world, Script script) {
        return script.operations().stream().allMatch(operation -> isSafe(world, operation));
    }

    static boolean isSafe(Place world, Operation operation) {
        return switch (operation.verb()) {
            case MMAP ->
                (operation.argument(3) & (Mman.FIXED | Mman.FIXED_NOREPLACE)) == 0
                        || isFree(world, operation.argument(0), operation.argument(1));
            case MREMAP ->
                isFree(world, operation.argument(0), operation.argument(1))
                        && isFree(world, operation.argument(0), operation.argument(2))
                        && ((operation.argument(3) & Mman.MREMAP_FIXED) == 0
                                || isFree(world, operation.argument(4), operation.argument(2)));
            case MUNMAP, MPROTECT, MADVISE, MLOCK, MLOCK2, MUNLOCK, MSYNC, MSEAL, REMAP_FILE_PAGES, MINCORE, NAME ->
                isFree(world, operation.argument(0), operation.argument(1));
            case SHMAT -> operation.argument(1) == 0 || isFree(world, operation.argument(1), 16 * PAGE);
            // This detaches only a segment that is attached at the address.
            case SHMDT -> true;
            case STORE, LOAD ->
                Long.bitCount(operation.argument(0)) == 1
                        && operation.argument(0) <= Long.BYTES
                        && !world.hasOwn(operation.argument(1), operation.argument(1) + Long.BYTES);
            case FORCED_WRITE, FORCED_READ -> isFree(world, operation.argument(0), 2 * PAGE);
            case BRK ->
                Long.compareUnsigned(operation.argument(0), world.brk()) < 0 || isFree(world, operation.argument(0), 1);
            case PWRITE -> operation.argument(2) >= 0 && operation.argument(2) <= 64;
            case PREAD -> operation.argument(1) >= 0 && operation.argument(1) <= 64;
            case PAGEMAP ->
                operation.argument(1) >= 0
                        && operation.argument(1) <= 256
                        && operation.argument(0) % PAGE == 0
                        && isFree(world, operation.argument(0), operation.argument(1) * PAGE);
            case SCAN ->
                operation.argument(6) >= 0
                        && operation.argument(6) <= 64
                        && isNear(world, operation.argument(0), operation.argument(1));
            default -> true;
        };
    }

    /** Returns whether a range is empty, reaches beyond the address space, or may be queried. */
    private static boolean isNear(Place world, long start, long end) {
        return Long.compareUnsigned(end, start) <= 0
                || Long.compareUnsigned(end, LIMIT) > 0
                || isWithin(world, start, end);
    }

    /**
     * Returns whether a range is near the world, where the judge has no memory. Work on a larger range might use all
     * memory of the host machine. A range that wraps, or that is longer than the address space, is safe, because each
     * call refuses it before it changes anything.
     */
    private static boolean isFree(Place world, long start, long length) {
        if (Long.compareUnsigned(length, LIMIT) > 0 && Long.compareUnsigned(start + length, start) < 0) {
            return true;
        }
        long from = start & -PAGE;
        long to = start + length + PAGE - 1 & -PAGE;
        if (Long.compareUnsigned(to, from) < 0) {
            return true;
        }
        return Long.compareUnsigned(length, LIMIT) <= 0
                && (Long.compareUnsigned(start, LIMIT) >= 0 || isWithin(world, from, Math.max(to, from + PAGE)));
    }

    private static boolean isWithin(Place world, long start, long end) {
        return Long.compareUnsigned(start, Range.start(world)) >= 0
                && Long.compareUnsigned(end, Range.end(world)) <= 0
                && !world.hasOwn(start, end);
    }
}
