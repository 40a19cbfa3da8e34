// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.page.PageTable;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.space.Identity;
import dev.samara.core.internal.space.Layout;

/**
 * The resident and mapped pages of an address space, with their peaks ({@code /proc/PID/status}, {@code statm}). All
 * numbers are pages; see {@link AddressSpace#residency}.
 *
 * @param anonymous private pages: those of private anonymous mappings, and copies of pages of files ({@code RssAnon}).
 *     The zero page does not count
 * @param file mapped pages of files ({@code RssFile})
 * @param shmem mapped pages of shared memory that is not backed by a file: shared anonymous memory, System V segments
 *     and {@link dev.samara.core.backing.MemoryFile} ({@code RssShmem})
 * @param peak the peak of the resident pages ({@code VmHWM})
 * @param total all mapped pages ({@code VmSize})
 * @param totalPeak the peak of the mapped pages ({@code VmPeak})
 */
public record Residency(long anonymous, long file, long shmem, long peak, long total, long totalPeak) {
    /** No pages: the numbers of a space that has ended. */
    public static final Residency NONE = new Residency(0, 0, 0, 0, 0, 0);

    /**
     * Creates the record. A minor version may add components.
     *
     * @param anonymous {@link #anonymous()}
     * @param file {@link #file()}
     * @param shmem {@link #shmem()}
     * @param peak {@link #peak()}
     * @param total {@link #total()}
     * @param totalPeak {@link #totalPeak()}
     */
    @Experimental
    public Residency {}

    static Residency of(Layout layout) {
        PageTable pages = layout.pages();
        long anonymous = pages.residentPages(Pte.ANONYMOUS_PAGE);
        long file = pages.residentPages(Pte.FILE_PAGE);
        long shmem = pages.residentPages(Pte.SHMEM_PAGE);
        // As in task_mem: a peak is never below the current number in the same result.
        long peak = Math.max(pages.peakPages(), anonymous + file + shmem);
        Identity identity = layout.lifetime.identity;
        long total = identity.mapped();
        return new Residency(anonymous, file, shmem, peak, total, Math.max(identity.mappedPeak(), total));
    }

    /**
     * Returns all pages in memory ({@code VmRSS}).
     *
     * @return the sum of the three kinds
     */
    public long resident() {
        return anonymous + file + shmem;
    }
}
