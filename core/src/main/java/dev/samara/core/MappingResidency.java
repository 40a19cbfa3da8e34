// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.syscall.Pagemap.Smaps;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.vma.Vma;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The resident memory of a mapping, as in an entry of {@code /proc/PID/smaps}, or of all mappings of a space, as in
 * {@code smaps_rollup}. All amounts are bytes. The zero page is never counted. There is no swap, and {@code MADV_FREE}
 * frees nothing, so {@code Swap}, {@code SwapPss} and {@code LazyFree} would always be 0 and are omitted.
 *
 * <p>A page is <em>shared</em> if more than one page table entry maps it, in this or any other space. It is
 * <em>dirty</em> if it is private, or was written and has not been saved since.
 *
 * @param vma the mapping; null for the sum of all
 * @param rss the pages in memory that the mapping's page table entries map ({@code Rss})
 * @param pss {@code rss}, each page divided by the number of its entries ({@code Pss})
 * @param pssDirty the part of {@code pss} that is dirty ({@code Pss_Dirty})
 * @param pssAnonymous the part of {@code pss} in private pages ({@code Pss_Anon})
 * @param pssFile the part of {@code pss} in pages of files ({@code Pss_File})
 * @param pssShmem the part of {@code pss} in pages of memory without a file below it ({@code Pss_Shmem})
 * @param sharedClean shared pages that are not dirty ({@code Shared_Clean})
 * @param sharedDirty shared pages that are dirty ({@code Shared_Dirty})
 * @param privateClean pages with one entry that are not dirty ({@code Private_Clean})
 * @param privateDirty pages with one entry that are dirty ({@code Private_Dirty})
 * @param referenced pages accessed through the mapping since {@link AddressSpace#collectAccessed} last collected them
 *     ({@code Referenced})
 * @param anonymous private pages ({@code Anonymous})
 * @param locked {@code pss} if the mapping is locked, else 0 ({@code Locked})
 */
public record MappingResidency(
        @Nullable Vma vma,
        long rss,
        long pss,
        long pssDirty,
        long pssAnonymous,
        long pssFile,
        long pssShmem,
        long sharedClean,
        long sharedDirty,
        long privateClean,
        long privateDirty,
        long referenced,
        long anonymous,
        long locked) {
    /** No mapping and no memory: the sum of a space without mappings, and the amounts of a mapping without pages. */
    public static final MappingResidency NONE = new MappingResidency(null, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

    /**
     * Creates the record. A minor version may add components.
     *
     * @param vma {@link #vma()}
     * @param rss {@link #rss()}
     * @param pss {@link #pss()}
     * @param pssDirty {@link #pssDirty()}
     * @param pssAnonymous {@link #pssAnonymous()}
     * @param pssFile {@link #pssFile()}
     * @param pssShmem {@link #pssShmem()}
     * @param sharedClean {@link #sharedClean()}
     * @param sharedDirty {@link #sharedDirty()}
     * @param privateClean {@link #privateClean()}
     * @param privateDirty {@link #privateDirty()}
     * @param referenced {@link #referenced()}
     * @param anonymous {@link #anonymous()}
     * @param locked {@link #locked()}
     */
    @Experimental
    public MappingResidency {}

    private static MappingResidency of(@Nullable Vma vma, Smaps sums) {
        return new MappingResidency(
                vma,
                sums.rss,
                sums.pss(),
                sums.pssDirty(),
                sums.pssAnonymous(),
                sums.pssFile(),
                sums.pssShmem(),
                sums.sharedClean,
                sums.sharedDirty,
                sums.privateClean,
                sums.privateDirty,
                sums.referenced,
                sums.anonymous,
                sums.pssLocked());
    }

    static void forEach(Layout layout, Consumer<? super MappingResidency> action) {
        for (VmArea vma = layout.findNext(0); vma != null; vma = layout.findNext(vma.end())) {
            Smaps sums = new Smaps(layout);
            sums.add(vma);
            action.accept(of(vma, sums));
        }
    }

    static MappingResidency sum(Layout layout) {
        Smaps sums = new Smaps(layout);
        for (VmArea vma = layout.findNext(0); vma != null; vma = layout.findNext(vma.end())) {
            sums.add(vma);
        }
        return of(null, sums);
    }
}
