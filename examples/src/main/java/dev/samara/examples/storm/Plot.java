// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.storm;

import dev.samara.core.vma.Geometry;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * Some pages, and what an access to each of them may do. One thread changes them and says so; any thread asks.
 *
 * <p>A page's word holds a version, which each change raises twice, whether a change is under way, and the rights.
 * Where it is the same before and after an access, and no change is under way, the rights in it decide.
 */
final class Plot {
    static final long PAGE = Geometry.LINUX_X86_64.pageSize();

    /** Where the stamp of a page is, and where the number is that is added to. */
    static final int STAMP = 0;

    static final int SUM = 64;

    /** The version of a stamp whose writer cannot know when it lands. */
    static final long ANY_VERSION = (1L << 40) - 1;

    static final int READ = 1;
    static final int WRITE = 2;
    private static final int CHANGING = 4;
    private static final int VERSION_SHIFT = 3;

    private static final long MARK = 0x5CL << 56;
    private static final long POISON = 0xa5a5_a5a5_a5a5_a5a5L;

    private final int number;
    private final long base;

    /**
     * After so many pages come the other places of the same ones; as many as there are, if they have one place only.
     */
    private final int distinct;

    private final AtomicLongArray words;

    /** The version since which a page has had no more taken away; that call has returned. */
    private final AtomicLongArray taken;

    /** The rights of each page, for the thread that changes them. */
    private final int[] allowed;

    private boolean judged = true;

    /**
     * The version from which on a page may have stamps: those before have been taken away by something that returned.
     */
    private final AtomicLongArray cleared;

    Plot(int number, long base, int pages, int distinct) {
        this.number = number;
        this.base = base;
        this.distinct = distinct;
        words = new AtomicLongArray(pages);
        cleared = new AtomicLongArray(pages);
        taken = new AtomicLongArray(pages);
        allowed = new int[pages];
    }

    /** Several threads change it, so that none can say what it allows: the machine alone judges. */
    Plot unjudged() {
        judged = false;
        return this;
    }

    boolean isJudged() {
        return judged;
    }

    int pages() {
        return words.length();
    }

    int distinct() {
        return distinct;
    }

    long address(int page) {
        return base + page * PAGE;
    }

    /** For the thread that changes the plot, before it makes the call. */
    void begins(int from, int to) {
        for (int page = from; page < to; page++) {
            words.set(page, (version(page) + 1) << VERSION_SHIFT | CHANGING);
        }
    }

    /** After the call has returned; {@code clears} if it took what the pages contained. */
    void ends(int from, int to, int rights, boolean clears) {
        for (int page = from; page < to; page++) {
            if (clears || (allowed[page] & ~rights) != 0) {
                taken.set(page, version(page) + 1);
            }
            allowed[page] = rights;
            if (clears) {
                // Before the word. Who reads it makes his access later, so what he reads there is younger.
                cleared.set(page, version(page));
            }
            words.set(page, (version(page) + 1) << VERSION_SHIFT | rights);
        }
    }

    private long version(int page) {
        return words.get(page) >>> VERSION_SHIFT;
    }

    long word(int page) {
        return words.get(page);
    }

    long cleared(int page) {
        return cleared.get(page);
    }

    /** Whether a call that has taken something from a page has returned since its word was this. */
    boolean isTakenSince(int page, long word) {
        return taken.get(page) > word >>> VERSION_SHIFT;
    }

    static boolean isChanging(long word) {
        return (word & CHANGING) != 0;
    }

    static boolean allows(long word, int right) {
        return (word & right) != 0;
    }

    long stamp(int page, long version, boolean child) {
        return MARK | (child ? 1L << 52 : 0) | (long) number << 48 | (long) (page % distinct) << 40 | version;
    }

    long stampOf(int page, long word) {
        return stamp(page, word >>> VERSION_SHIFT, false);
    }

    static boolean isPoison(long content) {
        return content == POISON;
    }

    /** Whether a page may contain this: nothing, or a stamp of its own. */
    boolean isOwn(int page, long content) {
        return content == 0 || (content ^ stamp(page, 0, false)) >>> 40 == 0;
    }

    static boolean isStale(long content, long cleared) {
        return content != 0 && (content & ANY_VERSION) < cleared;
    }

    String name(int page) {
        return "page " + page + " of plot " + number;
    }
}
