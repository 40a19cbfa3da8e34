// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.image;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.backing.CachedBacking;
import dev.samara.core.internal.hostfile.OpenHostFile;
import dev.samara.core.internal.image.ImageFormat.Contents;
import dev.samara.core.internal.image.ImageFormat.Identity;
import dev.samara.core.internal.image.ImageFormat.Mapping;
import dev.samara.core.internal.image.ImageFormat.RangeSink;
import dev.samara.core.internal.image.ImageFormat.Ranges;
import dev.samara.core.internal.image.ImageFormat.Source;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.sync.Housekeeping.RetriedTask;
import dev.samara.core.internal.vma.VmArea.CountedOpens;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.FrameStore;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.PageCache;
import dev.samara.core.vma.VmOperations;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.io.EOFException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.LongFunction;
import org.jspecify.annotations.Nullable;

/**
 * An open image, of one file or of a base and its increments, and the backings of the mappings that are loaded from it.
 * Thread-safe.
 *
 * <p>Each saved mapping that has pages is a file of its own, a {@link Segment}, with a page cache that all spaces share
 * which are loaded from this open. So a page is read once, when the first of them touches it, and each space copies it
 * when it writes there. A mapping without pages is loaded as anonymous memory.
 */
public final class ImageFile {
    /*
     * Notes.
     *
     * 1. A segment has the bytes of one mapping, and zeros before and after it. If two mappings shared a file, one that
     *    grows by mremap would find the bytes of the other one.
     *
     * 2. A page is read with the whole block that contains it, and the block is verified each time. The bytes of the
     *    page are those that were verified. So a change of the file that matters is a wrong checksum, unless somebody
     *    made it right. The other pages of the block enter memory, too, if they belong to the same run and mapping:
     *    they were paid for, and programs mostly read on. They are clean and unmapped, so the machine reclaims them
     *    first.
     *
     * 3. The table of contents is read once, and pages in memory are not read again. So if the file changed, some pages
     *    may be those of the old file while others fail. What can be noticed cheaply is noticed when a space is loaded
     *    (SpaceImage): another size or time.
     *
     * 4. The owner, each mapping, and each load or verification under way use the image. The last use that ends closes
     *    the page caches and the host files, on a thread that may wait: the owner's, the loading one, or one of the
     *    machine. Other mappings end on the thread that unmaps them, because a thread of the machine would take longer
     *    than the whole load of a space. The last end is an object that was made with the image, so it needs no memory
     *    to start. If it fails for lack of memory or stack, it continues where it failed: a second time on its thread,
     *    and then on a thread of the machine until it succeeds.
     *
     * 5. An increment is laid over its base when the image is opened: the runs of the base that lie in mappings of the
     *    increment, and outside the pages that it lists as changed, come before, between and behind the runs of the
     *    increment. So each page has one place in one file, which is found by the same search as in a single file, and
     *    a loaded space has no more mappings. The blocks of each file are verified by its own checksums.
     */

    /** The size of a segment, which leaves room for growth behind each mapping. */
    private static final long SIZE = 1L << 62;

    /** The largest mapping with content, and the highest place of one in its segment. */
    private static final long MOST = 1L << 60;

    /** The largest number of files. */
    public static final int MOST_PARTS = 64;

    /** The files, the base first. */
    private final Part[] parts;

    /** The last file, which names the image. */
    private final OpenHostFile file;

    /** The layout of the last file, with the pages of all. */
    private final Contents contents;

    private final int pageSize;

    /** The places of the runs of the contents. */
    private final Places places;

    /** The segment of each mapping; null for one without pages. */
    private final List<@Nullable Segment> segments = new ArrayList<>();

    /** Closes everything after the last use. */
    private final End end = new End();

    /** Hands {@link #end} to a thread of the machine. */
    private final Runnable endLater;

    /** The number of mappings, and of loads and verifications under way, and the owner. */
    @GuardedBy("places")
    private int uses = 1;

    /** The end of the image. Each attempt continues where the one before it failed; they do not overlap. */
    private final class End extends RetriedTask {
        private int segment;
        private int part;

        @Override
        public boolean attempt() {
            for (; segment < segments.size(); segment++) {
                Segment each = segments.get(segment);
                if (each != null) {
                    each.close();
                }
            }
            for (; part < parts.length; part++) {
                parts[part].file.close();
            }
            return true;
        }

        /** Not prompt, because the close of a file calls the host. */
        @Override
        protected boolean isPrompt() {
            return false;
        }
    }

    /** One file of an image. */
    private static final class Part implements Source {
        private final OpenHostFile file;
        private final Contents contents;
        private final Identity identity;
        private final long dataLength;
        private final int[] checksums;

        Part(OpenHostFile file, Geometry geometry) throws IOException {
            this.file = file;
            ImageFormat.Reader reader = new ImageFormat.Reader(file.name(), this);
            contents = reader.contents();
            if (!contents.geometry().equals(geometry)) {
                throw ImageFormat.damaged(
                        file.name(), "it is of a space with " + contents.geometry() + ", not " + geometry);
            }
            identity = reader.identity;
            dataLength = reader.dataLength();
            checksums = reader.checksums;
        }

        @Override
        public long size() {
            return file.size();
        }

        @Override
        public void read(ByteBuffer target, long position) throws IOException {
            long at = position;
            while (target.hasRemaining()) {
                long done = file.preadInUse(target, at);
                if (done < 0) {
                    throw new IOException("cannot read " + file.name() + ": " + Errno.of(done));
                }
                if (done == 0) {
                    throw new EOFException(file.name() + " ends at " + at);
                }
                at += done;
            }
        }

        /** Reads and verifies bytes that begin with a block and end with one. */
        private ByteBuffer blocks(long from, long length) throws IOException {
            ByteBuffer bytes = ByteBuffer.allocate((int) Math.min(length, dataLength - from));
            read(bytes, ImageFormat.HEAD + from);
            bytes.flip();
            int block = (int) (from / ImageFormat.BLOCK);
            for (int at = 0; at < bytes.limit(); at += ImageFormat.BLOCK) {
                int size = Math.min(ImageFormat.BLOCK, bytes.limit() - at);
                if (ImageFormat.checksum(bytes.slice(at, size)) != checksums[block]) {
                    throw new IOException("damaged image: the checksum of block " + block + " of " + file.name()
                            + " is wrong, at byte " + (ImageFormat.HEAD + (long) block * ImageFormat.BLOCK));
                }
                block++;
            }
            return bytes;
        }
    }

    /** Runs of pages, ascending, each with its place: the number of a file, and a position in the data there. */
    private static final class Places {
        private final Ranges runs = new Ranges();
        private long[] positions = new long[32];
        private int[] parts = new int[32];

        void add(long start, long end, int part, long position) {
            int at = runs.count();
            if (at == parts.length) {
                positions = Arrays.copyOf(positions, 2 * at);
                parts = Arrays.copyOf(parts, 2 * at);
            }
            positions[at] = position;
            parts[at] = part;
            runs.addApart(start, end);
        }

        /** Adds what a run of other places has in a range. */
        void add(Places other, int run, long start, long end) {
            add(start, end, other.parts[run], other.positions[run] + (start - other.runs.start(run)));
        }
    }

    /** Returns the places of the runs of one file. */
    private static Places placesOf(Ranges runs, int part) {
        Places places = new Places();
        long position = 0;
        for (int i = 0; i < runs.count(); i++) {
            places.add(runs.start(i), runs.end(i), part, position);
            position += runs.end(i) - runs.start(i);
        }
        return places;
    }

    /** Returns the places of two lists, of which those of the lower one count only in some ranges. */
    private static Places merged(Places lower, Ranges visible, Places upper) {
        Places merged = new Places();
        int from = 0;
        int i = 0;
        int j = 0;
        while (i < lower.runs.count() && j < visible.count()) {
            long start = Addresses.higher(lower.runs.start(i), visible.start(j));
            long end = Addresses.lower(lower.runs.end(i), visible.end(j));
            if (Addresses.isBelow(start, end)) {
                for (; from < upper.runs.count() && Addresses.isBelow(upper.runs.start(from), start); from++) {
                    merged.add(upper, from, upper.runs.start(from), upper.runs.end(from));
                }
                merged.add(lower, i, start, end);
            }
            if (lower.runs.end(i) == end) {
                i++;
            } else {
                j++;
            }
        }
        for (; from < upper.runs.count(); from++) {
            merged.add(upper, from, upper.runs.start(from), upper.runs.end(from));
        }
        return merged;
    }

    /** Returns the parts of the mappings of an increment whose pages are those of the base. */
    private static Ranges unchanged(Contents increment) {
        Ranges changed = Objects.requireNonNull(increment.changed());
        Ranges unchanged = new Ranges();
        for (Mapping mapping : increment.mappings()) {
            changed.forEachGap(mapping.start(), mapping.end(), unchanged::add);
        }
        return unchanged;
    }

    /**
     * Opens an image: reads and checks everything except the bytes of the pages.
     *
     * @param files the file of the base, and those of its increments in order, which this closes after its last use
     * @param geometry of the spaces that will be loaded
     * @param caches makes the page cache of a file of a size
     * @param later makes what hands a task to a thread of the machine, and needs no memory for that
     * @throws IOException if a file cannot be read, or is not an image of a space with that geometry, or not an
     *     increment of the one before it
     */
    public ImageFile(
            List<OpenHostFile> files,
            Geometry geometry,
            LongFunction<PageCache> caches,
            Function<Runnable, Runnable> later)
            throws IOException {
        endLater = later.apply(end);
        parts = new Part[files.size()];
        pageSize = (int) geometry.pageSize();
        Places all = new Places();
        Ranges guards = new Ranges();
        for (int i = 0; i < parts.length; i++) {
            OpenHostFile file = files.get(i);
            Part part = new Part(file, geometry);
            parts[i] = part;
            checkFollows(part, i == 0 ? null : parts[i - 1]);
            Contents own = part.contents;
            Places upper = placesOf(own.runs(), i);
            Ranges visible = i == 0 ? new Ranges() : unchanged(own);
            all = merged(all, visible, upper);
            guards = Ranges.union(Ranges.intersection(guards, visible), own.guards());
        }
        places = all;
        Part last = parts[parts.length - 1];
        contents = last.contents.with(places.runs, guards);
        file = last.file;
        if (!ImageFormat.isEmptyWhereItMust(places.runs, contents.mappings())) {
            throw ImageFormat.damaged(file.name(), "a mapping without content has pages");
        }
        for (Mapping mapping : contents.mappings()) {
            if (isTooLong(mapping) && hasRun(mapping)) {
                throw ImageFormat.damaged(file.name(), "a mapping with content is longer than " + MOST + " bytes");
            }
        }
        for (Mapping mapping : contents.mappings()) {
            segments.add(hasRun(mapping) ? new Segment(mapping, caches.apply(SIZE)) : null);
        }
    }

    private static void checkFollows(Part part, @Nullable Part before) throws IOException {
        UUID base = part.identity.base();
        if (before == null) {
            if (base != null) {
                throw new IOException(part.file.name() + " is an increment, which can only be opened after its base");
            }
        } else if (!before.identity.instant().equals(base)
                && !before.identity.save().equals(base)) {
            throw new IOException(
                    part.file.name() + " is not an increment of " + before.file.name() + ", which is another base");
        }
    }

    private static boolean isTooLong(Mapping mapping) {
        return Addresses.isAbove(mapping.end() - mapping.start(), MOST);
    }

    private boolean hasRun(Mapping mapping) {
        Ranges runs = contents.runs();
        int at = runs.above(mapping.start());
        return at < runs.count() && Addresses.isBelow(runs.start(at), mapping.end());
    }

    /** Returns the number of files: the base and the increments. */
    public int parts() {
        return parts.length;
    }

    /** Returns the identity of the save that wrote the last file, which no other image has. */
    public UUID identity() {
        return parts[parts.length - 1].identity.save();
    }

    /** Returns what the image contains besides the bytes of pages. */
    public Contents contents() {
        return contents;
    }

    /** Returns the backing of a mapping, by its index; null if it has no pages. */
    public @Nullable Segment segment(int mapping) {
        return segments.get(mapping);
    }

    // ------------------------------------------------------------------ bytes

    /** Returns the run that contains a page; -1 if the page is zero. */
    private int runOf(long address) {
        Ranges runs = contents.runs();
        int at = runs.above(address);
        return at < runs.count() && !Addresses.isBelow(address, runs.start(at)) ? at : -1;
    }

    /**
     * Reads and verifies the bytes of the pages of a run, in pieces.
     *
     * @param run the index of the run
     * @param sink gets each piece
     * @throws IOException if the file cannot be read, or a checksum is wrong
     */
    public void forEachPiece(int run, PieceSink sink) throws IOException {
        Ranges runs = contents.runs();
        long left = runs.end(run) - runs.start(run);
        Part part = parts[places.parts[run]];
        long position = places.positions[run];
        long address = runs.start(run);
        int most = Math.max(pageSize, 16 * ImageFormat.BLOCK);
        while (left > 0) {
            long from = position / ImageFormat.BLOCK * ImageFormat.BLOCK;
            ByteBuffer bytes = part.blocks(from, most);
            int piece = (int) Math.min(left, bytes.limit() - (position - from));
            sink.accept(address, bytes.slice((int) (position - from), piece));
            left -= piece;
            position += piece;
            address += piece;
        }
    }

    /** Gets bytes of pages, and the address of the first. */
    @FunctionalInterface
    public interface PieceSink {
        /** Gets a piece: whole pages. */
        void accept(long address, ByteBuffer bytes) throws IOException;
    }

    // ------------------------------------------------------------------ uses

    /**
     * Checks that the thread may end a use, which may be the last one, before anything is changed.
     *
     * @param what the call, for messages
     */
    public void checkMayEnd(String what) {
        for (Part part : parts) {
            part.file.checkMayEnd(what);
        }
    }

    /** Starts a use. Returns false if the last one has ended. */
    public boolean use() {
        synchronized (places) {
            if (uses == 0) {
                return false;
            }
            uses++;
            return true;
        }
    }

    /** Ends a use, unless it is the last one. */
    private boolean tryUnuse() {
        synchronized (places) {
            if (uses == 1) {
                return false;
            }
            uses--;
            return true;
        }
    }

    /** Ends the use of a mapping, a load, or the owner. The last one closes the page caches and the files. */
    public void unuse() {
        synchronized (places) {
            uses--;
            if (uses > 0) {
                return;
            }
        }
        try {
            boolean unused = end.attempt();
        } catch (OutOfMemoryError | StackOverflowError exhausted) {
            endAgain();
        }
    }

    private void endAgain() {
        try {
            boolean unused = end.attempt();
        } catch (OutOfMemoryError | StackOverflowError exhausted) {
            endLater.run();
        }
    }

    @Override
    public String toString() {
        return "image " + file.name();
    }

    /** The bytes of one mapping. */
    public final class Segment extends CachedBacking implements CountedOpens {
        private final Mapping mapping;

        /**
         * The page of the segment at which the mapping begins. A stack begins at the number of its page, as in
         * anonymous memory, because it grows to lower pages.
         */
        private final long first;

        private Segment(Mapping mapping, PageCache cache) {
            super(file.name(), cache);
            this.mapping = mapping;
            first = (mapping.flags() & VmaFlags.GROWSDOWN) == 0 ? 0 : Addresses.lower(mapping.start(), MOST) / pageSize;
        }

        /** Returns the page of the segment at which the mapping begins. */
        public long first() {
            return first;
        }

        /**
         * Passes on the part of a mapping that was loaded from an image and lies where it was saved. Each page there
         * that is not the space's own is the image's page at the same address, unless that is a guard.
         *
         * @param image the image
         * @param vma a mapping of this segment
         * @param sink gets the part, unless it is empty
         */
        public void forPartInPlace(ImageFile image, Vma vma, RangeSink sink) {
            if (image == ImageFile.this && addressOf(vma.pageOffset()) == vma.start()) {
                long start = Addresses.higher(vma.start(), mapping.start());
                long end = Addresses.lower(vma.end(), mapping.end());
                if (Addresses.isBelow(start, end)) {
                    sink.accept(start, end);
                }
            }
        }

        /** Returns the address at which a page was saved; it may be outside of the saved mapping. */
        private long addressOf(long page) {
            return mapping.start() + (page - first) * pageSize;
        }

        /**
         * Passes on the parts of a mapping of this segment whose bytes are saved.
         *
         * @param vma a mapping of this segment, which may have been moved, cut, or have grown
         * @param start an address of the mapping
         * @param end the end of a range of the mapping, exclusive
         * @param sink gets the start and the end of each part, ascending
         */
        public void forEachRun(Vma vma, long start, long end, RangeSink sink) {
            Ranges runs = contents.runs();
            long moved = addressOf(vma.pageOffset()) - vma.start();
            // The pages of a stack that grew lie before the saved mapping. They may have the addresses of other runs.
            long before = mapping.start() - (start + moved);
            long from = vma.pageOffset() < first && before > 0 ? start + before : start;
            while (Addresses.isBelow(from, end) && mapping.contains(from + moved)) {
                long saved = from + moved;
                int at = runs.above(saved);
                if (at == runs.count()) {
                    return;
                }
                long to = Addresses.lower(Addresses.lower(runs.end(at), mapping.end()), end + moved);
                from = Addresses.higher(saved, runs.start(at)) - moved;
                if (!Addresses.isBelow(from + moved, to)) {
                    return;
                }
                sink.accept(from, to - moved);
                from = to - moved;
            }
        }

        @Override
        protected boolean read(long page, int frame, FrameStore store) {
            long address = addressOf(page);
            int run = page < first || !mapping.contains(address) ? -1 : runOf(address);
            if (run >= 0) {
                try {
                    long position =
                            places.positions[run] + (address - contents.runs().start(run));
                    long from = position / ImageFormat.BLOCK * ImageFormat.BLOCK;
                    ByteBuffer bytes = parts[places.parts[run]].blocks(from, Math.max(pageSize, ImageFormat.BLOCK));
                    int at = (int) (position - from);
                    store.write(frame, 0, bytes, at, pageSize);
                    insertOthers(page, run, bytes, at);
                } catch (IOException failed) {
                    // Reported by the machine; the access is a bus fault.
                    throw new UncheckedIOException(failed);
                }
            }
            return true;
        }

        /** Brings the other pages of a block into memory, as long as there are free frames. */
        private void insertOthers(long page, int run, ByteBuffer bytes, int of) {
            PageCache cache = Objects.requireNonNull(pageCache());
            for (int at = of % pageSize; at < bytes.limit(); at += pageSize) {
                long other = page + (at - of) / pageSize;
                long address = addressOf(other);
                boolean isIn = other >= first && mapping.contains(address) && runOf(address) == run;
                if (at != of && isIn && cache.frameAt(other) < 0) {
                    int frame = cache.allocate();
                    if (frame < 0) {
                        return;
                    }
                    cache.store().write(frame, 0, bytes, at, pageSize);
                    int unused = cache.insert(other, frame);
                }
            }
        }

        @Override
        public VmOperations operations() {
            return this;
        }

        @Override
        public @Nullable Errno open(Vma vma) {
            return use() ? null : Errno.EBADF;
        }

        @Override
        public boolean tryClose() {
            return tryUnuse();
        }

        @Override
        public void close(Vma vma) {
            unuse();
        }

        private void close() {
            Objects.requireNonNull(pageCache()).close();
        }

        @Override
        public int major() {
            return file.major();
        }

        @Override
        public int minor() {
            return file.minor();
        }

        @Override
        public long inode() {
            return file.inode();
        }
    }
}
