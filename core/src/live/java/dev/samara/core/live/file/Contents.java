// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import static dev.samara.core.live.file.Kind.LENGTH;
import static dev.samara.core.live.file.Kind.OFFSET;
import static dev.samara.core.live.file.Kind.REGION;
import static dev.samara.core.live.file.Kind.SLOT;
import static dev.samara.core.live.file.Kind.SPACE;
import static dev.samara.core.live.file.Kind.WIDTH;
import static dev.samara.core.live.file.Places.PAGE;

import dev.samara.core.live.file.World.MappedPage;
import dev.samara.core.mman.Mman;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Compares the contents of files on the two sides: through reads, through mappings, and on the host. */
final class Contents {
    /** The maximum number of bytes of a file that are compared. */
    private static final int MOST = 64 << 10;

    private static final int REMOVE = 9;

    private final World world;
    private final KernelSide kernel;
    private final LibrarySide library;

    Contents(World world, KernelSide kernel, LibrarySide library) {
        this.world = world;
        this.kernel = kernel;
        this.library = library;
    }

    /** Returns whether results may differ because the library need not know a file's size yet. */
    boolean isOld(Step step, @Nullable Twin twin) {
        return switch (step.verb()) {
            case PREAD ->
                twin != null
                        && twin.isStale
                        && twin.size() < twin.known()
                        && step.get(OFFSET) + step.get(LENGTH) > twin.size();
            case LOAD, STORE, MADVISE -> world.touched(step).stream().anyMatch(page -> isOld(page));
            default -> false;
        };
    }

    /**
     * Returns whether a page may be affected by a stale size. For a page beyond the known end, the library queries the
     * host; for the last page it does not.
     */
    private static boolean isOld(MappedPage page) {
        Twin twin = page.twin();
        return twin.isStale
                && twin.size() != twin.known()
                && (twin.size() < twin.known()
                        ? page.page() >= twin.size() / PAGE
                        : twin.known() % PAGE != 0 && page.page() == twin.known() / PAGE);
    }

    /** Returns null if two results may differ; otherwise the start of a message. */
    @Nullable
    String explain(Step step, Outcome theirs, Outcome ours, boolean isOld, @Nullable Twin twin) {
        if (Allowed.of(step, theirs, ours, isOld) != null) {
            return null;
        }
        if (step.verb() == Verb.PREAD && twin != null && theirs.result() == ours.result() && theirs.result() > 0) {
            return difference(kernel.lastRead(theirs.result()), library.lastRead(), twin, step.get(OFFSET), false);
        }
        if (step.verb() == Verb.LOAD && !theirs.isError() && !ours.isError()) {
            return loaded(step, theirs.seen() ^ ours.seen());
        }
        return "";
    }

    private static @Nullable String difference(byte[] theirs, byte[] ours, Twin twin, long offset, boolean isPrivate) {
        for (int i = 0; i < theirs.length; i++) {
            if (theirs[i] != ours[i] && !twin.isLoose(offset + i, isPrivate)) {
                return "byte " + (offset + i) + " is " + (ours[i] & 0xff) + " and not " + (theirs[i] & 0xff) + "; ";
            }
        }
        return null;
    }

    private @Nullable String loaded(Step step, long bits) {
        for (int i = 0; i < step.get(WIDTH); i++) {
            long at = step.get(OFFSET) + i;
            MappedPage page = world.page(step.number(SPACE), step.number(REGION), at / PAGE);
            boolean isOther = ((bits >>> (8 * i)) & 0xff) != 0;
            if (isOther && (page == null || !page.twin().isLoose(page.page() * PAGE + at % PAGE, page.isPrivate()))) {
                return "";
            }
        }
        return null;
    }

    /** Records the effect of a step, and compares what it wrote to the host. Returns the difference. */
    @Nullable
    String after(Step step, Outcome result, @Nullable Twin twin) {
        if (result.isError()) {
            return null;
        }
        switch (step.verb()) {
            case CLOSE -> world.close(step.number(SLOT));
            case PWRITE, APPEND, TRUNCATE, GROW, PUNCH, REVALIDATE -> {
                return changed(step, result, Objects.requireNonNull(twin));
            }
            case FSYNC -> {
                return host(Objects.requireNonNull(twin), 0, Long.MAX_VALUE);
            }
            case MMAP -> world.map(step, Objects.requireNonNull(twin));
            case MUNMAP -> world.unmap(step);
            case STORE -> stored(step);
            case MADVISE -> {
                return advised(step);
            }
            case MSYNC -> {
                return (step.get(Kind.FLAGS) & Mman.SYNC) == 0 ? null : synced(step);
            }
            default -> {
                return null;
            }
        }
        return null;
    }

    /**
     * Checks that the library knows the size after a call that changed a file, because such a call first checks the
     * size.
     */
    private static @Nullable String changed(Step step, Outcome result, Twin twin) {
        if (twin.known() != twin.size()) {
            return "the library knows " + twin.known() + " bytes of " + twin.size() + " after that; ";
        }
        twin.settled(twin.size());
        if (step.verb() == Verb.PWRITE || step.verb() == Verb.PUNCH) {
            long length = step.verb() == Verb.PWRITE ? result.result() : step.get(LENGTH);
            twin.clear(step.get(OFFSET), Math.min(step.get(OFFSET) + length, twin.size()));
        } else if (step.verb() == Verb.APPEND) {
            twin.clear(result.seen(), result.seen() + result.result());
        }
        return null;
    }

    /**
     * Records a store that the kernel refused, but the library made because it does not know yet that the file was
     * truncated.
     */
    void storedOnlyHere(Step step) {
        for (int i = 0; i < step.get(WIDTH); i++) {
            long at = step.get(OFFSET) + i;
            MappedPage page = world.page(step.number(SPACE), step.number(REGION), at / PAGE);
            if (page != null) {
                long offset = page.page() * PAGE + at % PAGE;
                page.twin().loosen(offset, offset + 1);
            }
        }
    }

    /**
     * Records that the library removed pages that end beyond the maximum file size, which the kernel's file system
     * refused.
     */
    void removedOnlyHere(Step step) {
        for (MappedPage page : world.touched(step)) {
            page.twin().loosen(page.page() * PAGE, (page.page() + 1) * PAGE);
        }
    }

    /**
     * Records that a mapping lacks private copies because its MAP_POPULATE failed; the mapping copies these pages
     * later, from the file as it is then.
     */
    void unpopulated(Step step, Twin twin) {
        long offset = step.get(OFFSET);
        twin.everLoose(offset, offset + step.get(Kind.PAGES) * PAGE);
    }

    private void stored(Step step) {
        for (int i = 0; i < step.get(WIDTH); i++) {
            long at = step.get(OFFSET) + i;
            MappedPage page = world.page(step.number(SPACE), step.number(REGION), at / PAGE);
            if (page != null) {
                stored(page, page.page() * PAGE + at % PAGE);
            }
        }
    }

    private static void stored(MappedPage page, long offset) {
        Twin twin = page.twin();
        if (isOld(page)) {
            twin.loosen(offset, offset + 1);
        }
        if (!page.isPrivate() && offset >= twin.size()) {
            twin.storedBeyond(page.page());
        } else if (!page.isPrivate() && !isOld(page)) {
            twin.clear(offset, offset + 1);
        }
    }

    private @Nullable String advised(Step step) {
        if (step.get(Kind.ADVICE) != REMOVE) {
            return null;
        }
        for (MappedPage page : world.touched(step)) {
            if (page.twin().known() != page.twin().size()) {
                return "the library knows " + page.twin().known() + " bytes of "
                        + page.twin().size() + " after that; ";
            }
            page.twin().settled(page.twin().size());
            page.twin()
                    .clear(
                            page.page() * PAGE,
                            Math.min((page.page() + 1) * PAGE, page.twin().size()));
        }
        return null;
    }

    private @Nullable String synced(Step step) {
        for (MappedPage page : world.touched(step)) {
            String found = page.isSaved() ? host(page.twin(), page.page() * PAGE, (page.page() + 1) * PAGE) : null;
            if (found != null) {
                return found;
            }
        }
        return null;
    }

    private static @Nullable String host(Twin twin, long from, long to) {
        long at = twin.firstDifference(from, to);
        return at < 0 ? null : "byte " + at + " of the host's file of the library is another one; ";
    }

    /** Compares all mappings, and the bytes of all opens. Returns the difference. */
    @Nullable
    String compareAll() {
        String found = null;
        for (int space = 0; space < Places.SPACES && found == null; space++) {
            List<List<String>> theirs = kernel.pages(space);
            for (int region = 0; region < Places.REGIONS && found == null; region++) {
                found = world.isMapped(space, region) ? compare(space, region, theirs.get(region)) : null;
            }
        }
        for (Twin twin : world.twins()) {
            int slot = world.slotOf(twin);
            if (slot >= 0 && found == null && twin.size() > 0) {
                Step read = Step.of(Verb.PREAD, slot, 0, Math.min(MOST, twin.size()));
                boolean isOld = isOld(read, twin);
                Outcome theirs = kernel.run(read);
                Outcome ours = library.run(read);
                String differs = theirs.equals(ours) ? null : explain(read, theirs, ours, isOld, twin);
                found = differs == null
                        ? null
                        : read + ": " + differs + "the library gives " + ours + ", the kernel " + theirs;
            }
        }
        return found;
    }

    private @Nullable String compare(int space, int region, List<String> theirs) {
        List<String> ours = library.pages(space, region);
        for (int i = 0; i < Places.PAGES; i++) {
            MappedPage page = world.page(space, region, i);
            if (theirs.get(i).equals(ours.get(i))
                    || (page != null && page.twin().isPageLoose(page.page()))) {
                continue;
            }
            String where = "page " + i + " of region " + region + " of space " + space + ": ";
            if (page == null
                    || theirs.get(i).startsWith(".")
                    || ours.get(i).length() != theirs.get(i).length()) {
                return where + "the library has " + ours.get(i) + ", the kernel " + theirs.get(i);
            }
            String found = difference(
                    kernel.page(space, region, i),
                    library.page(space, region, i),
                    page.twin(),
                    page.page() * PAGE,
                    page.isPrivate());
            if (found != null) {
                return where + found;
            }
        }
        return null;
    }
}
