// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.planted;

import dev.samara.core.Cpu;
import dev.samara.core.backing.HostFile;
import dev.samara.core.interleave.scenario.Ground;
import dev.samara.core.interleave.scenario.GroundFile;
import dev.samara.core.interleave.scenario.HostGroundFile;
import dev.samara.core.interleave.scenario.State;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.interleave.failure.HostFault;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** Saves and reads of a host file, whose page n starts with 100 + n, concurrent with other calls. */
final class HostFileScenarios {
    static final int SHARED = Mman.SHARED | Mman.FIXED;

    private HostFileScenarios() {}

    /** The first pages of the file are mapped. The first page was written, but not saved. */
    abstract static class OfHostFile extends Calls {
        @Override
        protected void prepare(State state, Cpu cpu) {
            state.file = Ground.HOST_FILE.file(state);
            state.space.mmap(AT, 4 * PAGE, RW, SHARED, host(state).backing(), 0);
            store(cpu, AT, 7);
        }

        /** Frees pages. Dirty pages are written first if there are no clean ones. */
        static String evict(State state) {
            host(state).evict();
            return "evicted";
        }

        /** Returns the numbers at the start of consecutive pages, read by one call. */
        static long[] readPages(State state, long first, int count) {
            ByteBuffer bytes = ByteBuffer.allocateDirect(count * (int) PAGE).order(ByteOrder.LITTLE_ENDIAN);
            host(state).pread(bytes, first * PAGE);
            long[] numbers = new long[count];
            for (int i = 0; i < count; i++) {
                numbers[i] = bytes.getLong(i * (int) PAGE);
            }
            return numbers;
        }

        /** Fails unless the first page contains 8, the last number that was stored. */
        static void judgeStored(Cpu cpu) {
            String loaded = load(cpu, AT);
            if (!loaded.equals("8")) {
                throw new AssertionError("stored 8, loaded " + loaded);
            }
        }

        static HostGroundFile host(State state) {
            return (HostGroundFile) Objects.requireNonNull(state.file, "no file");
        }
    }

    /** A save concurrent with another call: a store that preceded the save is on the device when the save returns. */
    abstract static class Saved extends OfHostFile {
        Saved(String name, Operation beside) {
            calls().put("fsync", (state, cpu) -> {
                beforeSave(cpu);
                long saved = host(state).fsync();
                if (saved == 0 && host(state).channel.forcedNumber(0) != 7) {
                    throw new AssertionError(
                            "saved, and the device has " + host(state).channel.forcedNumber(0));
                }
                return "" + saved;
            });
            calls().put(name, beside);
        }

        void beforeSave(Cpu cpu) {}
    }

    /** The mapping with the written page is moved. */
    static final class SavedBesideMove extends Saved {
        private static final long TO = AT + 8 * PAGE;

        SavedBesideMove() {
            super(
                    "mremap",
                    (state, cpu) -> "" + state.space.mremap(AT, PAGE, PAGE, Mman.MAYMOVE | Mman.MREMAP_FIXED, TO));
        }

        @Override
        protected List<Long> addresses() {
            return List.of(AT, TO);
        }
    }

    /** The written page is unmapped. */
    static final class SavedBesideUnmap extends Saved {
        SavedBesideUnmap() {
            super("munmap", munmap(AT, PAGE));
        }
    }

    /** The written page is removed from its mapping. */
    static final class SavedBesideDiscard extends Saved {
        SavedBesideDiscard() {
            super("dontneed", (state, cpu) -> "" + state.space.madvise(AT, PAGE, Mman.DONTNEED));
        }
    }

    /** The space is forked, and a page of the child is written. */
    static final class SavedBesideFork extends Saved {
        SavedBesideFork() {
            super("fork", (state, cpu) -> {
                state.children.put("child", state.space.fork());
                cpu.switchTo(state.child("child"));
                return store(cpu, AT + PAGE, 8);
            });
        }
    }

    /** Pages are evicted, one of which must be written first. */
    static final class SavedBesideEviction extends Saved {
        SavedBesideEviction() {
            super("evict", (state, cpu) -> evict(state));
        }
    }

    /** The space is closed. */
    static final class SavedBesideClose extends Saved {
        SavedBesideClose() {
            super("close", close());
        }

        /** The space ends with the close, so this CPU leaves it first. */
        @Override
        void beforeSave(Cpu cpu) {
            cpu.switchTo(null);
        }
    }

    /**
     * A save concurrent with stores: each store that completed before the save started is on the device when the save
     * returns.
     */
    static final class SavedBesideStores extends OfHostFile {
        private final AtomicLong last = new AtomicLong(7);

        SavedBesideStores() {
            calls().put("fsync", (state, cpu) -> {
                long before = last.get();
                long saved = host(state).fsync();
                long has = host(state).channel.forcedNumber(0);
                if (saved == 0 && has < before) {
                    throw new AssertionError("saved after the store of " + before + ", and the device has " + has);
                }
                return "" + saved;
            });
            calls().put("stores", (state, cpu) -> {
                store(cpu, AT, 8);
                last.set(8);
                store(cpu, AT, 9);
                last.set(9);
                return "stored";
            });
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }
    }

    /**
     * A truncation concurrent with a call that writes pages: after the truncation returned, no page beyond the new end
     * is written.
     */
    abstract static class Truncated extends OfHostFile {
        Truncated(String name, Operation beside) {
            calls().put(name, beside);
            calls().put("truncate", (state, cpu) -> {
                host(state).truncate(PAGE);
                host(state).channel.forbidFrom(PAGE);
                return "truncated";
            });
        }

        @Override
        protected final void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            store(cpu, AT + PAGE, 8);
        }
    }

    /** A save concurrent with a truncation. */
    static final class SavedBesideTruncation extends Truncated {
        SavedBesideTruncation() {
            super("fsync", (state, cpu) -> "" + host(state).fsync());
        }
    }

    /** A save concurrent with a write call: at the end, the device contains what was written last. */
    static final class SavedBesideWrites extends OfHostFile {
        SavedBesideWrites() {
            calls().put("fsync", (state, cpu) -> "" + host(state).fsync());
            calls().put("pwrite", (state, cpu) -> "" + host(state).pwrite(GroundFile.bytes(8), 0));
        }
    }

    /** A fault concurrent with a truncation and a growth: the pages beyond the truncation contain zeros. */
    static final class ReadBesideTruncation extends OfHostFile {
        ReadBesideTruncation() {
            // The first fault read the page after its own, too.
            calls().put("load", (state, cpu) -> load(cpu, AT + 2 * PAGE));
            calls().put("truncate", (state, cpu) -> {
                host(state).truncate(PAGE);
                host(state).truncate(4 * PAGE);
                return "truncated";
            });
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            String loaded = load(cpu, AT + 2 * PAGE);
            if (!loaded.equals("0")) {
                throw new AssertionError("behind the truncation is " + loaded);
            }
        }
    }

    /** Sequential faults up to the end of the file, concurrently with a save. */
    static final class ReadToTheEnd extends OfHostFile {
        ReadToTheEnd() {
            calls().put("loads", (state, cpu) -> load(cpu, AT + PAGE) + ' ' + load(cpu, AT + 2 * PAGE));
            calls().put("fsync", (state, cpu) -> "" + host(state).fsync());
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            host(state).truncate(3 * PAGE - 1);
        }
    }

    /**
     * A fault concurrent with a store to its page, a save and an eviction: the fault maps the page that was written.
     */
    static final class ReadBesideWrite extends OfHostFile {
        ReadBesideWrite() {
            calls().put("load", (state, cpu) -> load(cpu, AT + 2 * PAGE));
            calls().put("store", (state, cpu) -> {
                String stored = store(cpu, AT + 2 * PAGE, 9);
                host(state).fsync();
                host(state).evict();
                return stored;
            });
        }
    }

    /**
     * A read that bypasses the cache, concurrently with writes to its second page and then to its first one. Only the
     * first page is saved.
     */
    static final class UncachedReadBesideWrites extends OfHostFile {
        UncachedReadBesideWrites() {
            calls().put("read", (state, cpu) -> {
                // The file's first pages are in memory, so they are not read.
                long[] read = readPages(state, 2, 2);
                if (read[0] == 8 && read[1] != 9) {
                    throw new AssertionError("the later write was read, and not the one before: " + read[1]);
                }
                return "read";
            });
            calls().put("write", (state, cpu) -> {
                write(state, 3, 9);
                write(state, 2, 8);
                host(state).file().fsync(2 * PAGE, PAGE);
                host(state).evict();
                return "written";
            });
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            host(state).channel.cacheByHost();
        }

        private static void write(State state, long page, long number) {
            ByteBuffer bytes = ByteBuffer.allocate((int) PAGE).order(ByteOrder.LITTLE_ENDIAN);
            host(state).pwrite(bytes.putLong(0, number), page * PAGE);
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }
    }

    /** Two opens are saved while one write or force fails: each open returns the failure exactly once. */
    abstract static class TwoOpens extends OfHostFile {
        private final HostFault.HostCall failing;
        private final List<String> told = new ArrayList<>();
        private @Nullable HostFile other;

        TwoOpens(HostFault.HostCall failing) {
            this.failing = failing;
            calls().put("one", (state, cpu) -> {
                told.add("one " + host(state).fsync());
                return "saved";
            });
            calls().put("two", (state, cpu) -> {
                told.add("two " + other().fsync());
                return "saved";
            });
        }

        private HostFile other() {
            return Objects.requireNonNull(other, "before the beginning");
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            super.prepare(state, cpu);
            told.clear();
            other = host(state).open();
            host(state).channel.meet(new HostFault(failing, 1, HostFault.Way.FAILS));
        }

        @Override
        protected boolean hasOrders() {
            return false;
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            for (int i = 0; i < 2; i++) {
                told.add("one " + host(state).fsync());
                told.add("two " + other().fsync());
            }
            long error = Errno.EIO.result();
            for (String open : List.of("one ", "two ")) {
                if (told.stream().filter((open + error)::equals).count() != 1) {
                    throw new AssertionError("told " + told);
                }
            }
            other().close();
        }
    }

    static final class TwoOpensOfFailedWrite extends TwoOpens {
        TwoOpensOfFailedWrite() {
            super(HostFault.HostCall.WRITE);
        }
    }

    static final class TwoOpensOfFailedForce extends TwoOpens {
        TwoOpensOfFailedForce() {
            super(HostFault.HostCall.FORCE);
        }
    }

    /**
     * The end of the last mapping of a file without opens, concurrently with an open, which must find the stored bytes.
     */
    static final class LastCloseBesideOpen extends Calls {
        private @Nullable HostGroundFile file;
        private @Nullable HostFile opened;

        LastCloseBesideOpen() {
            calls().put("munmap", munmap(AT, PAGE));
            calls().put("open", (state, cpu) -> {
                opened = host().open();
                return first(opened);
            });
        }

        private HostGroundFile host() {
            return Objects.requireNonNull(file, "before the beginning");
        }

        private static String first(HostFile of) {
            ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES);
            return of.pread(bytes, 0) + " bytes, " + GroundFile.number(bytes);
        }

        @Override
        protected void prepare(State state, Cpu cpu) {
            file = (HostGroundFile) Ground.HOST_FILE.file(state);
            state.space.mmap(AT, PAGE, RW, SHARED, host().backing(), 0);
            store(cpu, AT, 7);
            host().file().close();
        }

        @Override
        protected void judge(State state, Cpu cpu) {
            HostFile last = Objects.requireNonNull(opened, "not opened");
            if (!first(last).equals("8 bytes, 7")) {
                throw new AssertionError("stored 7, and an open has " + first(last));
            }
            last.close();
        }

        @Override
        protected void judgeClosed() {
            if (host().channel.open() != 0 || host().channel.forcedNumber(0) != 7) {
                throw new AssertionError(host().channel.open() + " channels are open, and the device has "
                        + host().channel.forcedNumber(0));
            }
        }
    }
}
