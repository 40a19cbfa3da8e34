// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

import java.util.StringTokenizer;

/**
 * The attributes of a VMA as bits of a {@code long}, with Linux's values ({@code include/linux/mm.h}), and their
 * two-letter names in the {@code VmFlags} line of {@code /proc/PID/smaps}.
 */
public final class VmaFlags {
    /** The number of bits that are flags, counted from the lowest bit. The bits above are not flags. */
    public static final int BITS = 61;

    /** May be read now ({@code rd}). */
    public static final long READ = 1L;

    /** May be written now ({@code wr}). */
    public static final long WRITE = 1L << 1;

    /** May be executed now ({@code ex}). */
    public static final long EXEC = 1L << 2;

    /** Stores reach the shared object ({@code sh}). */
    public static final long SHARED = 1L << 3;

    /** May be made readable ({@code mr}). */
    public static final long MAYREAD = 1L << 4;

    /** May be made writable ({@code mw}). */
    public static final long MAYWRITE = 1L << 5;

    /** May be made executable ({@code me}). */
    public static final long MAYEXEC = 1L << 6;

    /** Was mapped shared, even if stores are not possible ({@code ms}). */
    public static final long MAYSHARE = 1L << 7;

    /** Grows down when the page below is touched ({@code gd}). */
    public static final long GROWSDOWN = 1L << 8;

    /** Bare page frames of a device ({@code pf}). */
    public static final long PFNMAP = 1L << 10;

    /**
     * May contain guard markers ({@code gu}). Sticky: the flag never prevents a merge, and the merged VMA has it if one
     * part had it.
     */
    public static final long MAYBE_GUARD = 1L << 11;

    /** Locked in memory ({@code lo}). */
    public static final long LOCKED = 1L << 13;

    /** Device memory ({@code io}). */
    public static final long IO = 1L << 14;

    /** Read sequentially ({@code sr}). */
    public static final long SEQ_READ = 1L << 15;

    /** Read at random ({@code rr}). */
    public static final long RAND_READ = 1L << 16;

    /** Not copied into a child ({@code dc}). */
    public static final long DONTCOPY = 1L << 17;

    /** Never grows by {@code mremap} ({@code de}). */
    public static final long DONTEXPAND = 1L << 18;

    /** Locked page by page when touched ({@code lf}). */
    public static final long LOCKONFAULT = 1L << 19;

    /** Charged against the commit limit ({@code ac}). */
    public static final long ACCOUNT = 1L << 20;

    /** Never charged ({@code nr}). */
    public static final long NORESERVE = 1L << 21;

    /** Huge pages of a huge page file system ({@code ht}). */
    public static final long HUGETLB = 1L << 22;

    /** Synchronous faults ({@code sf}). */
    public static final long SYNC = 1L << 23;

    /** A child reads zeros ({@code wf}). */
    public static final long WIPEONFORK = 1L << 25;

    /** Left out of core dumps ({@code dd}). */
    public static final long DONTDUMP = 1L << 26;

    /** Frames and bare page frames mixed ({@code mm}). */
    public static final long MIXEDMAP = 1L << 28;

    /** Huge pages requested ({@code hg}). */
    public static final long HUGEPAGE = 1L << 29;

    /** Huge pages refused ({@code nh}). */
    public static final long NOHUGEPAGE = 1L << 30;

    /** Equal pages may be merged ({@code mg}). */
    public static final long MERGEABLE = 1L << 31;

    /** May be dropped under pressure ({@code dp}). */
    public static final long DROPPABLE = 1L << 40;

    /** Sealed: the mapping can no longer be changed ({@code sl}). */
    public static final long SEALED = 1L << 42;

    /** The current rights of a VMA. */
    public static final long ACCESS = READ | WRITE | EXEC;

    /** The rights that a VMA may be given. */
    public static final long MAY_ACCESS = MAYREAD | MAYWRITE | MAYEXEC;

    /** Both kinds of locking. */
    public static final long LOCKED_MASK = LOCKED | LOCKONFAULT;

    /** Mappings with any of these never merge and are never locked. */
    public static final long SPECIAL = IO | DONTEXPAND | PFNMAP | MIXEDMAP;

    private static final String[] NAMES = new String[Long.SIZE];

    static {
        String byBit =
                "rd wr ex sh mr mw me ms gd um pf gu uw lo io sr rr dc de lf ac nr ht sf ar wf dd sd mm hg nh mg";
        String[] names = byBit.split(" ");
        System.arraycopy(names, 0, NAMES, 0, names.length);
        NAMES[38] = "ui";
        NAMES[40] = "dp";
        NAMES[42] = "sl";
    }

    private VmaFlags() {}

    /**
     * Returns flags in the form of a {@code VmFlags} line.
     *
     * @param flags any bits
     * @return the names in the order of the bits, separated by single spaces; a bit without a name is left out
     */
    public static String format(long flags) {
        StringBuilder text = new StringBuilder();
        for (long rest = flags; rest != 0; rest &= rest - 1) {
            String name = NAMES[Long.numberOfTrailingZeros(rest)];
            if (name != null) {
                text.append(text.isEmpty() ? "" : " ").append(name);
            }
        }
        return text.toString();
    }

    /**
     * Parses a {@code VmFlags} line.
     *
     * @param text names separated by white space
     * @return the bits
     * @throws IllegalArgumentException if a name is unknown
     */
    public static long parse(String text) {
        long flags = 0;
        StringTokenizer names = new StringTokenizer(text);
        while (names.hasMoreTokens()) {
            flags |= bitOf(names.nextToken());
        }
        return flags;
    }

    private static long bitOf(String name) {
        for (int bit = 0; bit < NAMES.length; bit++) {
            if (NAMES[bit] != null && NAMES[bit].equals(name)) {
                return 1L << bit;
            }
        }
        throw new IllegalArgumentException("VmFlags name '" + name + "' is unknown");
    }
}
