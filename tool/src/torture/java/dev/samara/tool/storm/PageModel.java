// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.storm;

import dev.samara.core.vma.Geometry;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * A <em>plot</em>, i.e. a range of pages that one thread changes, and the allowed results of an access to each page.
 * That thread records each change; any thread may read the record.
 *
 * <p>A page's word contains a version, which each change increments twice; whether a change is in progress; and the
 * rights. If the word is the same before and after an access, and no change is in progress, its rights determine the
 * result.
 */
final class PageModel {
    static final long PAGE = Geometry.LINUX_X86_64.pageSize();

    /** The offset in a page of its stamp, and the offset of its sum. */
    static final int STAMP = 0;

    static final int SUM = 64;

    /** The version in a stamp whose writer cannot know when the store takes effect. */
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
     * The number of distinct pages. The pages after them are the second place of each page, if the plot's pages are
     * moved.
     */
    private final int distinct;

    /**
     * Words: {@code words}, {@code taken}, {@code cleared}.
     * Written: the thread that changes the rights or the content of a page, before and after its call (volatile).
     * Read: any thread (volatile).
     * Invariant: a word contains the version of a page and whether it is being changed; {@code cleared} is stored
     *     before the word after the call.
     */
    private final AtomicLongArray words;

    /** The version after the last call that removed rights or content and returned, by page. */
    private final AtomicLongArray taken;

    /** The rights of each page. Used only by the thread that changes them. */
    private final int[] allowed;

    private boolean judged = true;

    /**
     * The first version whose stamps a page may contain, by page. Earlier stamps were cleared by a call that has
     * returned.
     */
    private final AtomicLongArray cleared;

    PageModel(int number, long base, int pages, int distinct) {
        this.number = number;
        this.base = base;
        this.distinct = distinct;
        words = new AtomicLongArray(pages);
        cleared = new AtomicLongArray(pages);
        taken = new AtomicLongArray(pages);
        allowed = new int[pages];
    }

    /**
     * Declares that several threads change the plot. No thread knows its rights, so only the machine checks accesses to
     * it.
     */
    PageModel unjudged() {
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

    /** Must be called by the thread that changes the plot, before its call. */
    void begins(int from, int to) {
        for (int page = from; page < to; page++) {
            words.set(page, (version(page) + 1) << VERSION_SHIFT | CHANGING);
        }
    }

    /**
     * Must be called after the call has returned.
     *
     * @param clears whether the call removed the content of the pages
     */
    void ends(int from, int to, int rights, boolean clears) {
        for (int page = from; page < to; page++) {
            if (clears || (allowed[page] & ~rights) != 0) {
                taken.set(page, version(page) + 1);
            }
            allowed[page] = rights;
            if (clears) {
                // Stored before the word. A thread that reads the word makes its access afterwards, so it reads later
                // content.
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

    /**
     * Returns whether a call that removed rights or content of a page has returned since the page's word had this
     * value.
     */
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

    /** Returns whether a page may contain this value, which must be zero or a stamp of the page. */
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
