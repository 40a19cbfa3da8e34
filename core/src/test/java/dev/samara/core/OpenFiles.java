// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.vma.Backing;
import dev.samara.core.vma.OpenFile;
import dev.samara.core.vma.SharedSegment;
import java.util.List;

/** The files and segments that tests map. Their names are the names of the constants. */
public final class OpenFiles {
    /** Open for reading and writing. */
    public static final OpenFile A =
            OpenFile.named("A").inode(0xfe, 0, 1).maximumSize(1L << 40).open();

    /** A second open of {@link #A}, for reading only. */
    public static final OpenFile R = OpenFile.named("R")
            .inode(0xfe, 0, 1)
            .maximumSize(1L << 40)
            .readOnly()
            .open();

    /** Can hold 48 KiB and 100 bytes. */
    public static final OpenFile SMALL =
            OpenFile.named("SMALL").inode(0xfe, 0, 2).maximumSize(0xc064).open();

    /** Wants to be placed on huge page boundaries. */
    public static final OpenFile HUGE =
            OpenFile.named("HUGE").inode(0xfe, 0, 3).hugeAligned().open();

    /** The zero device. */
    public static final OpenFile ZERO =
            OpenFile.named("ZERO").inode(0, 5, 4).zeroDevice().hugeAligned().open();

    /** On a mount that forbids execution. */
    public static final OpenFile NOEXEC =
            OpenFile.named("NOEXEC").inode(0xfe, 1, 5).noexec().open();

    /** May only be appended to. */
    public static final OpenFile APPEND =
            OpenFile.named("APPEND").inode(0xfe, 0, 6).appendOnly().open();

    /** In use as swap space. */
    public static final OpenFile SWAP =
            OpenFile.named("SWAP").inode(0xfe, 0, 7).swapFile().open();

    /** Open for writing only. */
    public static final OpenFile WRITEONLY =
            OpenFile.named("WRITEONLY").inode(0xfe, 0, 8).writeOnly().open();

    /** Cannot be mapped. */
    public static final OpenFile UNMAPPABLE =
            OpenFile.named("UNMAPPABLE").inode(0xfe, 0, 9).unmappable().open();

    /** Cannot be mapped with {@code MAP_SYNC}. */
    public static final OpenFile NOSYNC =
            OpenFile.named("NOSYNC").inode(0xfe, 0, 10).refusesSync().open();

    /** All of the above. */
    public static final List<Backing> ALL =
            List.of(A, R, SMALL, HUGE, ZERO, NOEXEC, APPEND, SWAP, WRITEONLY, UNMAPPABLE, NOSYNC);

    /** A segment of 20000 bytes. */
    public static final SharedSegment FIVE_PAGES = new SharedSegment(1, 0x1234, 20_000);

    /** A segment of one byte. */
    public static final SharedSegment ONE_BYTE = new SharedSegment(2, 0, 1);

    private OpenFiles() {}
}
