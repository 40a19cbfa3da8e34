// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.memory;

/** The free part of an address space; all other pages are mapped. */
enum World {
    /** A few pages, so that everything interacts with everything. */
    SMALL(64),
    MIDDLE(512),

    /** Large enough for an aligned 2 MiB range. */
    LARGE(2048),

    /** Around 1 GiB, where MAP_32BIT starts. */
    AT_1G(512),

    /** Around 2 GiB, where MAP_32BIT ends. */
    AT_2G(256),

    /** From the program break on. */
    HEAP(320),

    /** Below the main stack. */
    STACK(640),

    /** Below the highest mappings placed by the kernel itself. */
    TOP(300),

    /** From address 0 on. */
    LOW(64);

    private static final long PAGE = 4096;
    private final int pages;

    World(int pages) {
        this.pages = pages;
    }

    int pages() {
        return pages;
    }

    /**
     * Returns the world's first address.
     *
     * @param brk the program break
     * @param stack the start of the main stack
     * @param top the start of the highest mappings placed by the kernel
     */
    long base(long brk, long stack, long top) {
        return switch (this) {
            case SMALL, MIDDLE -> 0x2000_0000_0000L;
            case LARGE -> 0x2000_0010_0000L;
            case AT_1G -> 0x4000_0000L - pages / 2 * PAGE;
            case AT_2G -> 0x8000_0000L - pages / 2 * PAGE;
            case HEAP -> brk;
            case STACK -> stack - pages * PAGE;
            case TOP -> top - pages * PAGE;
            case LOW -> 0;
        };
    }
}
