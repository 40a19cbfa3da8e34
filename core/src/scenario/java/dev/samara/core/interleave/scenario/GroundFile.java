// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.interleave.scenario;

import dev.samara.core.backing.CachedBacking;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.VmOperations;
import dev.samara.core.vma.Vma;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** The file of a {@link Ground}. Its page n starts with the number 100 + n. */
public interface GroundFile {
    long LENGTH = Ground.PAGES * SpaceScenario.PAGE;

    Backing backing();

    void truncate(long bytes);

    void punch(long offset, long length);

    long pwrite(ByteBuffer source, long offset);

    long pread(ByteBuffer target, long offset);

    /** Returns the size of its cache in bytes. */
    default long size() {
        return Objects.requireNonNull(backing().pageCache()).size();
    }

    /** Frees its pages. */
    void close();

    /** Returns how many opens were not closed. */
    default int opens() {
        return 0;
    }

    /** Returns the number at an offset, as text. */
    default String number(long offset) {
        ByteBuffer bytes = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
        long count = pread(bytes, offset);
        return count == 8 ? Long.toString(bytes.getLong(0)) : "read " + count;
    }

    /** Returns the number at the start of a buffer. */
    static long number(ByteBuffer bytes) {
        return bytes.order(ByteOrder.LITTLE_ENDIAN).getLong(0);
    }

    static ByteBuffer bytes(long number) {
        return ByteBuffer.allocate(8)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(number)
                .flip();
    }

    static GroundFile inMemory(State state) {
        MemoryFile file = state.machine.newSealableFile("memory", 1, SpaceScenario.LINUX, LENGTH);
        for (int page = 0; page < Ground.PAGES; page++) {
            file.pwrite(bytes(100 + page), page * SpaceScenario.PAGE);
        }
        return new InMemory(file, file.open());
    }

    static GroundFile cached(State state) {
        GroundFile file = new Cached(state.machine.newPageCache(SpaceScenario.LINUX, 2 * LENGTH));
        file.readClean();
        return file;
    }

    /**
     * Reads pages beyond the mapping, so that there are pages to reclaim: a page of a writable shared mapping is not
     * reclaimed.
     */
    default void readClean() {
        for (int page = Ground.PAGES; page < Ground.PAGES + 4; page++) {
            number(page * SpaceScenario.PAGE);
        }
    }

    /** A file in memory. */
    record InMemory(MemoryFile file, Backing backing) implements GroundFile {
        @Override
        public void truncate(long bytes) {
            file.truncate(bytes);
        }

        @Override
        public void punch(long offset, long length) {
            file.punch(offset, length);
        }

        @Override
        public long pwrite(ByteBuffer source, long offset) {
            return file.pwrite(source, offset);
        }

        @Override
        public long pread(ByteBuffer target, long offset) {
            return file.pread(target, offset);
        }

        @Override
        public void close() {
            file.close();
        }
    }

    /** A file with pages behind its cache. A removed page is read again. */
    final class Cached extends CachedBacking implements GroundFile, VmOperations {
        private final PageCache cache;

        /** Incremented before each answer, so that another thread may run while the backing reads. */
        private final AtomicInteger answers = new AtomicInteger();

        private final AtomicInteger open = new AtomicInteger();

        Cached(PageCache cache) {
            super("cached", cache);
            this.cache = cache;
        }

        @Override
        protected boolean read(long page, int frame, FrameStore store) {
            answers.incrementAndGet();
            store.put(frame, 0, 8, 100 + page);
            answers.incrementAndGet();
            return true;
        }

        @Override
        public boolean noticesWrites() {
            return true;
        }

        @Override
        public int pageMkwrite(Backing.PageRequest request) {
            answers.incrementAndGet();
            return 0;
        }

        @Override
        public VmOperations operations() {
            return this;
        }

        @Override
        public @Nullable Errno open(Vma vma) {
            open.incrementAndGet();
            return null;
        }

        @Override
        public void close(Vma vma) {
            open.decrementAndGet();
        }

        @Override
        public int opens() {
            return open.get();
        }

        @Override
        public Backing backing() {
            return this;
        }

        @Override
        public void truncate(long bytes) {
            cache.truncate(bytes);
        }

        @Override
        public void punch(long offset, long length) {
            cache.remove(offset / SpaceScenario.PAGE, length / SpaceScenario.PAGE);
        }

        @Override
        public void close() {
            cache.close();
        }
    }
}
