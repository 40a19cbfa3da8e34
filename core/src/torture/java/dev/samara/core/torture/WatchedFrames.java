// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.torture;

import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.internal.page.Frames.FrameRegion;
import dev.samara.core.vma.FrameStore;
import java.nio.MappedByteBuffer;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Frames that record which threads access them. Each access declares its page, is randomly delayed, and checks whether
 * another thread accesses a different frame for the same page (I1). A thread that frees or allocates a frame checks
 * whether any other thread still accesses it (I3).
 *
 * <p>The frames are in a region, so accesses of a {@link dev.samara.core.guest.FlatMemory} hit the TLB, and this class
 * does not see them. Such accesses are checked only through the contents of pages.
 *
 * <p>The checks report no false violations: an access ends before its reader section, so two accesses that are observed
 * together really are concurrent.
 */
final class WatchedFrames implements FrameStore, FrameRegion {
    private static final int PAGE_SIZE = (int) TortureSpace.PAGE;
    private static final int FRAME_BITS = 20;
    private static final long FRAME = (1L << FRAME_BITS) - 1;

    /**
     * The position of one thread: the accessed page in the high bits, and the frame plus one in the low bits; 0 for no
     * access.
     */
    static final class Place extends AtomicLong {
        private static final long serialVersionUID = 1L;

        private long page;
    }

    final LongAdder copies = new LongAdder();

    private final DirectFrames frames;
    private final RandomFailures failures;
    private final Checker oneTranslation;
    private final Checker noEarlyReuse;
    private final List<Place> places = new CopyOnWriteArrayList<>();
    private final ThreadLocal<Place> place = ThreadLocal.withInitial(() -> {
        Place mine = new Place();
        places.add(mine);
        return mine;
    });

    WatchedFrames(int pageShift, int count, RandomFailures failures, Checker oneTranslation, Checker noEarlyReuse) {
        frames = new DirectFrames(pageShift, Math.max(0, 22 - pageShift), count, true);
        this.failures = failures;
        this.oneTranslation = oneTranslation;
        this.noEarlyReuse = noEarlyReuse;
    }

    /** Sets the page that the calling thread accesses next; 0 for an access without a mapping. */
    void towards(long page) {
        place.get().page = page;
    }

    private Place enter(int frame) {
        Place mine = place.get();
        long at = (mine.page << FRAME_BITS) | (frame + 1);
        mine.set(at);
        if (mine.page != 0) {
            look(mine, at);
        }
        failures.linger();
        return mine;
    }

    private void leave(Place mine) {
        failures.linger();
        long at = mine.get();
        if (mine.page != 0) {
            look(mine, at);
        }
        mine.set(0);
    }

    private void look(Place mine, long at) {
        for (Place other : places) {
            long there = other.get();
            if (there >>> FRAME_BITS == mine.page && there != at && other != mine) {
                oneTranslation.violated("page " + Long.toHexString(mine.page) + " is frame " + ((at & FRAME) - 1)
                        + " here and frame " + ((there & FRAME) - 1) + " there");
            }
        }
        oneTranslation.check(true, "");
    }

    private void nobodyIsAt(int frame) {
        Place mine = place.get();
        for (Place other : places) {
            if (other != mine && (other.get() & FRAME) == frame + 1) {
                noEarlyReuse.violated("frame " + frame + " is freed or handed out while page "
                        + Long.toHexString(other.get() >>> FRAME_BITS) + " is accessed in it");
            }
        }
        noEarlyReuse.check(true, "");
    }

    @Override
    public @Nullable MappedByteBuffer region() {
        return frames.region();
    }

    @Override
    public boolean isInRegion(int frame) {
        return frames.isInRegion(frame);
    }

    @Override
    public long get(long physical, int size) {
        return frames.get(physical, size);
    }

    @Override
    public void put(long physical, int size, long value) {
        frames.put(physical, size, value);
    }

    @Override
    public boolean extend(int first, int count) {
        return frames.extend(first, count);
    }

    @Override
    public long get(int frame, int offset, int size) {
        Place mine = enter(frame);
        long read = frames.get(frame, offset, size);
        leave(mine);
        return read;
    }

    @Override
    public void put(int frame, int offset, int size, long value) {
        Place mine = enter(frame);
        frames.put(frame, offset, size, value);
        leave(mine);
    }

    @Override
    public long getVolatile(int frame, int offset, int size) {
        Place mine = enter(frame);
        long read = frames.getVolatile(frame, offset, size);
        leave(mine);
        return read;
    }

    @Override
    public void putVolatile(int frame, int offset, int size, long value) {
        Place mine = enter(frame);
        frames.putVolatile(frame, offset, size, value);
        leave(mine);
    }

    @Override
    public long compareAndExchange(int frame, int offset, int size, long expected, long value) {
        Place mine = enter(frame);
        long seen = frames.compareAndExchange(frame, offset, size, expected, value);
        leave(mine);
        return seen;
    }

    @Override
    public void fill(int frame, int offset, int length, byte value) {
        if (length == PAGE_SIZE) {
            nobodyIsAt(frame);
            // For example, between a fault's check of the mapping and its installation of the entry.
            failures.linger();
        }
        frames.fill(frame, offset, length, value);
    }

    @Override
    public void copy(int from, int to) {
        nobodyIsAt(to);
        copies.increment();
        failures.linger();
        frames.copy(from, to);
        failures.linger();
    }

    @Override
    public void read(int frame, int offset, byte[] target, int at, int length) {
        Place mine = enter(frame);
        frames.read(frame, offset, target, at, length);
        leave(mine);
    }

    @Override
    public void write(int frame, int offset, byte[] source, int at, int length) {
        Place mine = enter(frame);
        frames.write(frame, offset, source, at, length);
        leave(mine);
    }
}
