// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.live.file;

import static dev.samara.core.live.file.Kind.LENGTH;
import static dev.samara.core.live.file.Kind.OFFSET;
import static dev.samara.core.live.file.Kind.SLOT;
import static dev.samara.core.live.file.Places.PAGE;

import dev.samara.core.mman.Mman;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The state that the calls of a script acknowledged: the bytes of each file, and the existing opens and mappings. It
 * does not model the bytes of private mappings, nor the bytes in memory beyond end of file.
 */
final class AckModel implements Scene {
    private static final int REMOVE = 9;

    /**
     * A page of a mapping.
     *
     * @param isSaved whether stores reach the file, and {@code msync} saves the page
     */
    record AckPage(AckOpen open, long page, boolean isSaved) {
        /** Returns the offset of the page in the file. */
        long offset() {
            return page * PAGE;
        }
    }

    private final MemoryDisk disk;
    private final Map<String, AckFile> files = new LinkedHashMap<>();
    private final @Nullable AckOpen[] slots = new AckOpen[Places.SLOTS];
    private final @Nullable AckPage[][][] pages = new AckPage[Places.SPACES][Places.REGIONS][Places.PAGES];

    AckModel(MemoryDisk disk) {
        this.disk = disk;
    }

    /** Returns the file with a name, or null. */
    @Nullable
    AckFile file(String name) {
        AckFile known = files.get(name);
        return known != null || disk.file(name) == null
                ? known
                : files.computeIfAbsent(name, any -> new AckFile(name, Objects.requireNonNull(disk.file(name))));
    }

    Collection<AckFile> files() {
        return files.values();
    }

    @Nullable
    AckOpen at(int slot) {
        return slots[slot];
    }

    /** Returns a slot with an open file, or -1. */
    int slotOf(AckFile file) {
        for (int i = 0; i < slots.length; i++) {
            AckOpen open = slots[i];
            if (open != null && open.file == file) {
                return i;
            }
        }
        return -1;
    }

    @Override
    public long sizeAt(int slot) {
        AckOpen open = slots[slot];
        return open == null ? -1 : open.file.size();
    }

    @Override
    public boolean isWritable(int slot) {
        AckOpen open = slots[slot];
        return open != null && open.isWritable;
    }

    @Override
    public boolean isMapped(int space, int region) {
        for (AckPage page : pages[space][region]) {
            if (page != null) {
                return true;
            }
        }
        return false;
    }

    @Override
    public long mappedBytes(int space, int region) {
        AckPage page = pages[space][region][0];
        return page == null ? 0 : Math.max(0, page.open.file.size() - page.offset());
    }

    /** Returns the page that contains a byte of a region; null if the byte is not mapped. */
    private @Nullable AckPage pageOf(Step step, long offset) {
        long page = offset / PAGE;
        return page < Places.PAGES ? pages[step.number(Kind.SPACE)][step.number(Kind.REGION)][(int) page] : null;
    }

    /** Returns the mapped pages of a call on a range of a region, in ascending order. */
    private List<AckPage> range(Step step) {
        List<AckPage> found = new ArrayList<>();
        for (long at = step.get(OFFSET); at < step.get(OFFSET) + step.get(LENGTH); at += PAGE) {
            AckPage page = pageOf(step, at);
            if (page != null) {
                found.add(page);
            }
        }
        return found;
    }

    /** Returns the pages that {@code msync} saves. */
    List<AckPage> saved(Step step) {
        return range(step).stream().filter(AckPage::isSaved).toList();
    }

    /** Returns the opens that a step saves, in order; an error ends the call. */
    List<AckOpen> savers(Step step) {
        if (step.verb() == Verb.MSYNC) {
            Set<AckOpen> opens = new LinkedHashSet<>();
            saved(step).forEach(page -> opens.add(page.open));
            return List.copyOf(opens);
        }
        AckOpen open = slots[step.number(SLOT)];
        return open == null ? List.of() : List.of(open);
    }

    /** Applies the effect of a step, or of a part of it. */
    void apply(Step step, Outcome outcome) {
        switch (step.verb()) {
            case OPEN -> open(step, outcome);
            case CLOSE -> close(step.number(SLOT));
            case PREAD, LOAD, FSYNC, SYNC_RANGE, MSYNC, REVALIDATE, MPROTECT, EVICT -> {}
            case MADVISE -> advise(step, outcome);
            case PUNCH -> punch(step, outcome);
            default -> {
                if (!outcome.isError()) {
                    change(step, outcome);
                }
            }
        }
    }

    private void change(Step step, Outcome outcome) {
        switch (step.verb()) {
            case PWRITE -> opened(step).file.write(step.get(OFFSET), written(step, outcome));
            case APPEND -> opened(step).file.write(outcome.seen(), written(step, outcome));
            case TRUNCATE -> opened(step).file.resize(step.get(Kind.SIZE));
            case GROW -> opened(step).file.resize(Math.max(opened(step).file.size(), step.get(Kind.SIZE)));
            case MMAP -> map(step);
            case MUNMAP -> {
                for (long i = 0; i < step.get(Kind.PAGES); i++) {
                    set(step, step.get(Kind.FIRST) + i, null);
                }
            }
            case STORE -> store(step);
            default -> throw new IllegalArgumentException(step.toString());
        }
    }

    private AckOpen opened(Step step) {
        return Objects.requireNonNull(slots[step.number(SLOT)], step::toString);
    }

    private static ByteBuffer written(Step step, Outcome outcome) {
        return Pattern.of(step.get(Kind.SEED), outcome.result());
    }

    private void open(Step step, Outcome outcome) {
        AckFile file = file(Names.of(step.get(Kind.NAME)));
        if (!outcome.isError() && file != null) {
            slots[step.number(SLOT)] = file.open(OpenMode.of(step).isWriting());
        }
    }

    private void close(int slot) {
        AckOpen open = slots[slot];
        slots[slot] = null;
        if (open != null) {
            open.isClosed = true;
        }
    }

    private void map(Step step) {
        AckOpen open = opened(step);
        boolean isShared = (step.get(Kind.MAPPING) & Mman.SHARED_VALIDATE) != Mman.PRIVATE;
        for (int i = 0; i < step.get(Kind.PAGES); i++) {
            set(step, i, new AckPage(open, step.get(OFFSET) / PAGE + i, isShared && open.isWritable));
        }
    }

    private void set(Step step, long index, @Nullable AckPage page) {
        if (index >= Places.PAGES) {
            return;
        }
        @Nullable AckPage[] region = pages[step.number(Kind.SPACE)][step.number(Kind.REGION)];
        AckPage before = region[(int) index];
        region[(int) index] = page;
        if (page != null) {
            page.open.mapped++;
        }
        if (before != null) {
            before.open.mapped--;
        }
    }

    private void store(Step step) {
        for (int i = 0; i < step.get(Kind.WIDTH); i++) {
            long at = step.get(OFFSET) + i;
            AckPage page = pageOf(step, at);
            if (page != null && page.isSaved && page.offset() + at % PAGE < page.open.file.size()) {
                page.open.file.put(page.offset() + at % PAGE, (byte) (step.get(Kind.VALUE) >>> (8 * i)));
            }
        }
    }

    /** Checks a loaded value, as far as it comes from pages of the file. */
    void loaded(Step step, long value) {
        for (int i = 0; i < step.get(Kind.WIDTH); i++) {
            long at = step.get(OFFSET) + i;
            AckPage page = pageOf(step, at);
            long offset = page == null ? 0 : page.offset() + at % PAGE;
            if (page != null && page.isSaved && offset < page.open.file.size()) {
                page.open.file.shown(offset, new byte[] {(byte) (value >>> (8 * i))}, 1);
            }
        }
    }

    private void punch(Step step, Outcome outcome) {
        AckOpen open = slots[step.number(SLOT)];
        boolean isTried = open != null && open.isWritable && step.get(OFFSET) >= 0 && step.get(LENGTH) > 0;
        if (isTried) {
            long end = step.get(OFFSET) + step.get(LENGTH);
            open.file.zero(step.get(OFFSET), end < 0 ? Long.MAX_VALUE : end, !outcome.isError());
        }
    }

    /** Applies advice. A walk continues after an unmapped page, so holes are punched in spite of the error. */
    private void advise(Step step, Outcome outcome) {
        if (step.get(Kind.ADVICE) == REMOVE && step.get(OFFSET) % PAGE == 0) {
            for (AckPage page : saved(step)) {
                page.open.file.zero(page.offset(), page.offset() + PAGE, !outcome.isError());
            }
        }
    }
}
