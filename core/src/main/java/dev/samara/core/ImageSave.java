// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.internal.image.ImageFile;
import dev.samara.core.internal.image.ImageFile.Segment;
import dev.samara.core.internal.image.ImageFormat;
import dev.samara.core.internal.image.ImageFormat.Contents;
import dev.samara.core.internal.image.ImageFormat.Identity;
import dev.samara.core.internal.image.ImageFormat.Mapping;
import dev.samara.core.internal.image.ImageFormat.Ranges;
import dev.samara.core.internal.image.ImageFormat.Writer;
import dev.samara.core.internal.image.PrivatePages;
import dev.samara.core.internal.op.CheckpointPages;
import dev.samara.core.internal.op.SpaceCheckpoint;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.PagemapFlags;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import dev.samara.maple.Snapshot;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** One save of an image: finds the pages of an instant, and writes them. Used by one thread. */
abstract sealed class ImageSave {
    private final WritableByteChannel target;
    final Geometry geometry;
    final int pageSize;
    final Ranges runs = new Ranges();
    final Ranges guards = new Ranges();

    /** The parts of a mapping of a file that must be read. */
    private Ranges wanted = new Ranges();

    private ImageSave(Geometry geometry, WritableByteChannel target) {
        this.geometry = geometry;
        this.target = target;
        pageSize = (int) geometry.pageSize();
    }

    /** Returns a space in which the pages of the files of mappings can be read, at their addresses. */
    abstract AddressSpace files();

    /** Writes the pages of a mapping. */
    abstract void save(Vma vma, Writer writer) throws IOException;

    /** Checks that what was written is of one instant, and returns the table of contents. */
    abstract Contents end(List<Mapping> mappings, Map<String, byte[]> sections);

    void run(List<Vma> vmas, Identity identity, Map<String, byte[]> sections) throws IOException {
        List<Mapping> mappings = new ArrayList<>(vmas.size());
        for (Vma vma : vmas) {
            mappings.add(mapping(vma));
        }
        checkNotInterrupted();
        Writer writer = new Writer(target, pageSize, identity);
        for (Vma vma : vmas) {
            save(vma, writer);
        }
        writer.finish(end(mappings, sections));
    }

    private Mapping mapping(Vma vma) {
        long flags = vma.flags() & ~VmaFlags.LOCKED_MASK;
        Backing backing = vma.backing();
        boolean canBeRead = vma.isAnonymous() || (backing != null && backing.pageCache() != null);
        if (!ImageFormat.isSavable(flags, vma.name()) || !canBeRead) {
            throw new MmException("save of the mapping " + vma, Errno.EOPNOTSUPP);
        }
        return new Mapping(
                vma.start(),
                vma.end(),
                flags,
                backing == null ? vma.pageOffset() : geometry.pages(vma.start()),
                vma.name());
    }

    static void checkNotInterrupted() throws InterruptedIOException {
        if (Thread.currentThread().isInterrupted()) {
            throw new InterruptedIOException("the saving of an image");
        }
    }

    /** Writes pages of the file of a mapping. */
    void writeFile(Vma vma, long start, long end, Writer writer) throws IOException {
        wanted = new Ranges();
        if (vma.backing() instanceof Segment segment) {
            // The others are zero for sure.
            segment.forEachRun(vma, start, end, wanted::add);
        } else {
            wanted.add(start, end);
        }
        for (int i = 0; i < wanted.count(); i++) {
            long at = wanted.start(i);
            while (Addresses.isBelow(at, wanted.end(i))) {
                checkNotInterrupted();
                ByteBuffer room = writer.room();
                int first = room.position();
                int length = (int) Addresses.lower(wanted.end(i) - at, room.remaining());
                read(at, length, room);
                room.position(keep(room, first, first + length, at));
                at += length;
            }
        }
    }

    /** Reads pages of a file, which must be faulted in. */
    private void read(long start, int length, ByteBuffer room) throws IOException {
        int limit = room.limit();
        room.limit(room.position() + length);
        long done = files().readForced(start, room);
        room.limit(limit);
        if (done != length) {
            checkNotInterrupted();
            Errno errno = done < 0 && Errno.of(done) != Errno.EFAULT ? Errno.of(done) : Errno.EIO;
            throw new MmException("save of 0x" + Long.toHexString(start + Math.max(done, 0)), errno);
        }
    }

    /** Moves the pages that are not zero to the front, and adds them to the runs. Returns the end of the last one. */
    int keep(ByteBuffer room, int from, int to, long address) {
        int kept = from;
        for (int at = from; at < to; at += pageSize) {
            if (!isZero(room, at)) {
                if (kept != at) {
                    room.put(kept, room, at, pageSize);
                }
                long page = address + (at - from);
                runs.add(page, page + pageSize);
                kept += pageSize;
            }
        }
        return kept;
    }

    private boolean isZero(ByteBuffer bytes, int at) {
        for (int i = at; i < at + pageSize; i += Long.BYTES) {
            if (bytes.getLong(i) != 0) {
                return false;
            }
        }
        return true;
    }

    /** Returns the mappings below the limit of the space. */
    private static List<Vma> below(long limit, List<Vma> vmas) {
        return vmas.stream()
                .filter(vma -> Addresses.isBelow(vma.start(), limit))
                .toList();
    }

    /** The save of a child of fork that nobody uses. */
    static final class OfChild extends ImageSave {
        private static final int REGIONS = 256;
        private static final int REGION = 3;
        private static final long TOLD =
                PagemapFlags.PRESENT | PagemapFlags.FILE | PagemapFlags.PFNZERO | PagemapFlags.GUARD;

        private final AddressSpace child;
        private final PrivatePages pages;
        private final PageScan scan = new PageScan();
        private final long[] regions = new long[REGIONS * REGION];

        OfChild(AddressSpace child, WritableByteChannel target) {
            super(child.geometry(), target);
            this.child = child;
            pages = new PrivatePages(child.own.memory(), child.own.pages());
        }

        void run(Map<String, byte[]> sections) throws IOException {
            Identity identity = new Identity(UUID.randomUUID(), null, UUID.randomUUID());
            run(below(geometry.limit(), child.snapshot().vmas()), identity, sections);
        }

        @Override
        AddressSpace files() {
            return child;
        }

        @Override
        Contents end(List<Mapping> mappings, Map<String, byte[]> sections) {
            return new Contents(
                    geometry,
                    child.own.origin.heapStart(),
                    child.brk(0),
                    child.own.origin.stackStart(),
                    mappings,
                    runs,
                    guards,
                    null,
                    sections);
        }

        @Override
        void save(Vma vma, Writer writer) throws IOException {
            // Empty pages of a file have content, too.
            scan.any(vma.isAnonymous() ? PagemapFlags.PRESENT | PagemapFlags.GUARD : 0)
                    .told(TOLD);
            long at = vma.start();
            do {
                checkNotInterrupted();
                long found = child.pagemapScan(scan.range(at, vma.end()), regions);
                if (Errno.isError(found)) {
                    checkNotInterrupted();
                    throw new MmException("save", Errno.of(found));
                }
                at = scan.walkEnd();
                for (int i = 0; i < found; i++) {
                    save(vma, regions[REGION * i], regions[REGION * i + 1], regions[REGION * i + 2], writer);
                }
            } while (Addresses.isBelow(at, vma.end()));
        }

        /** Saves a region of pages with equal categories. */
        private void save(Vma vma, long start, long end, long categories, Writer writer) throws IOException {
            boolean isOwn = (categories & (PagemapFlags.PRESENT | PagemapFlags.FILE)) == PagemapFlags.PRESENT;
            if ((categories & PagemapFlags.GUARD) != 0) {
                guards.add(start, end);
            } else if ((categories & PagemapFlags.PFNZERO) == 0) {
                if (isOwn) {
                    write(start, end, writer);
                } else {
                    writeFile(vma, start, end, writer);
                }
            }
        }

        /** Writes pages of the child's own, except those that are zero. */
        private void write(long start, long end, Writer writer) throws IOException {
            long at = start;
            while (Addresses.isBelow(at, end)) {
                checkNotInterrupted();
                ByteBuffer room = writer.room();
                int first = room.position();
                int length = (int) Addresses.lower(end - at, room.remaining());
                if (!pages.read(at, at + length, room)) {
                    throw new MmException("save of memory that the machine took", Errno.ENOMEM);
                }
                room.position(keep(room, first, first + length, at));
                at += length;
            }
        }
    }

    /**
     * The save of a checkpoint: of all of its pages, or of those that may differ from an older checkpoint, or from an
     * image of which the space was loaded.
     */
    static final class OfCheckpoint extends ImageSave implements AutoCloseable {
        /*
         * Notes. Which pages may differ (changed).
         *
         * 1. The log of the older checkpoint lists each page that was added, replaced or removed since, at an address
         *    that it had mapped. A page without a record, where both checkpoints have private memory without a file,
         *    is what it was: the same page, a guard, or zero.
         *
         * 2. The log does not list the pages of a mapping at an address that the older checkpoint had not mapped. Nor
         *    does it know what a page is that is none of the space's own: that depends on the mapping. So a mapping is
         *    written as a whole where the older checkpoint had none, one that has no content in an image, or one of
         *    another kind or file; and each mapping of a file, because the file may have changed. The exception is a
         *    mapping of an image, whose file does not change, if both have it at the same place of the file.
         *
         * 3. If the base is an image, no log is needed: a space that was loaded from it maps it, so the pages that may
         *    differ are those of the space's own, where such a mapping lies as it was saved. That holds for each
         *    checkpoint of each such space, whatever happened to it. All else is written as a whole. A page of the
         *    space's own may have become one after the checkpoint, and then it is skipped. The guards of the image are
         *    always listed, because one that was removed leaves nothing that could be found.
         */

        private final Machine machine;
        private final SpaceCheckpoint checkpoint;
        private final CheckpointPages pages;

        /** The base, if it is an image. */
        private final @Nullable ImageFile image;

        /** What is that of the image, except for pages of the space's own, and those pages. */
        private final Ranges loaded = new Ranges();

        private final Ranges own = new Ranges();

        /** What may differ as a whole, and all that may differ. */
        private final Ranges whole = new Ranges();

        private Ranges changed = new Ranges();

        /** The pages to look at, and at first those of them that may have bytes of a file. */
        private Ranges visited = new Ranges();

        private final Ranges ofFiles = new Ranges();

        /** A space with the mappings of files, without pages of its own. Made when it is needed. */
        private @Nullable AddressSpace files;

        private final List<Vma> vmas = new ArrayList<>();

        OfCheckpoint(
                Machine machine,
                SpaceCheckpoint checkpoint,
                @Nullable SpaceCheckpoint since,
                @Nullable ImageFile image,
                WritableByteChannel target) {
            super(checkpoint.layout.geometry, target);
            this.machine = machine;
            this.checkpoint = checkpoint;
            this.image = image;
            pages = CheckpointPages.begin(checkpoint, since);
        }

        void run(Identity identity, Map<String, byte[]> sections) throws IOException {
            pages.vmas().forEach((first, last, vma) -> {
                // As fork does.
                if (!vma.has(VmaFlags.DONTCOPY) && Addresses.isBelow(first, geometry.limit())) {
                    vmas.add(vma);
                }
            });
            findPages();
            run(vmas, identity, sections);
        }

        /** Decides which pages to look at, and which ones may differ. */
        private void findPages() {
            Ranges mapped = new Ranges();
            Snapshot<VmArea> since = pages.vmasSince();
            for (Vma vma : vmas) {
                mapped.add(vma.start(), vma.end());
                if (since != null) {
                    compare(since, vma);
                } else if (image != null) {
                    compare(image, vma);
                } else {
                    addWhole(vma, vma.start(), vma.end());
                }
            }
            // Called after the walks.
            Ranges recorded = Ranges.intersection(pages.recorded(), Ranges.union(whole, loaded));
            Ranges logged = Ranges.intersection(pages.changed(), mapped);
            visited = Ranges.union(Ranges.union(visited, ofFiles), Ranges.union(recorded, logged));
            changed = Ranges.union(whole, logged);
            if (image != null) {
                changed = Ranges.union(
                        changed, Ranges.intersection(image.contents().guards(), loaded));
            }
        }

        private void compare(ImageFile base, Vma vma) {
            long[] from = {vma.start()};
            if (vma.backing() instanceof Segment segment && !ImageFormat.isEmpty(vma.flags())) {
                segment.forPartInPlace(base, vma, (start, end) -> {
                    addWhole(vma, from[0], start);
                    loaded.add(start, end);
                    pages.present(start, end, visited);
                    from[0] = end;
                });
            }
            addWhole(vma, from[0], vma.end());
        }

        private void compare(Snapshot<VmArea> since, Vma vma) {
            long at = vma.start();
            while (Addresses.isBelow(at, vma.end())) {
                VmArea old = since.atOrAfter(at);
                long start = old == null ? vma.end() : Addresses.lower(old.start(), vma.end());
                if (Addresses.isBelow(at, start)) {
                    addWhole(vma, at, start);
                    at = start;
                } else {
                    long end = old == null ? vma.end() : Addresses.lower(old.end(), vma.end());
                    if (old == null || !isListed(old, vma)) {
                        addWhole(vma, at, end);
                    }
                    at = end;
                }
            }
        }

        /** Returns whether pages of a mapping that no log lists are what they were in an older one. */
        private boolean isListed(Vma old, Vma now) {
            if (ImageFormat.isEmpty(old.flags() | now.flags()) || (old.flags() & VmaFlags.DONTCOPY) != 0) {
                return false;
            }
            if (now.backing() instanceof Segment segment) {
                return old.backing() == segment
                        && old.pageOffset() - geometry.pages(old.start())
                                == now.pageOffset() - geometry.pages(now.start());
            }
            return old.isAnonymous() && now.isAnonymous();
        }

        private void addWhole(Vma vma, long start, long end) {
            if (start == end) {
                return;
            }
            whole.add(start, end);
            if (vma.isAnonymous()) {
                pages.present(start, end, visited);
            } else if (vma.backing() instanceof Segment segment) {
                // It may be much longer than what it has.
                pages.present(start, end, visited);
                segment.forEachRun(vma, start, end, ofFiles::add);
            } else {
                ofFiles.add(start, end);
            }
        }

        @Override
        void save(Vma vma, Writer writer) throws IOException {
            if (ImageFormat.isEmpty(vma.flags())) {
                return;
            }
            for (int i = visited.above(vma.start());
                    i < visited.count() && Addresses.isBelow(visited.start(i), vma.end());
                    i++) {
                long start = Addresses.higher(visited.start(i), vma.start());
                long end = Addresses.lower(visited.end(i), vma.end());
                save(vma, start, end, writer);
            }
        }

        private void save(Vma vma, long start, long end, Writer writer) throws IOException {
            long written = start;
            for (long at = start; at != end; at += pageSize) {
                checkNotInterrupted();
                ByteBuffer room = writer.room();
                int first = room.position();
                int kind = pages.read(at, room);
                boolean isLoaded = image != null && loaded.contains(at);
                if (kind == CheckpointPages.NONE && !isLoaded) {
                    continue;
                }
                if (!vma.isAnonymous() && written != at) {
                    writeFile(vma, written, at, writer);
                    room = writer.room();
                    first = room.position();
                    kind = pages.read(at, room);
                }
                written = at + pageSize;
                if (kind == CheckpointPages.NONE) {
                    continue;
                }
                if (isLoaded) {
                    own.add(at, written);
                }
                if (kind == CheckpointPages.GUARD) {
                    guards.add(at, written);
                } else {
                    room.position(keep(room, first, first + pageSize, at));
                }
            }
            if (!vma.isAnonymous() && written != end) {
                writeFile(vma, written, end, writer);
            }
        }

        @Override
        AddressSpace files() {
            AddressSpace made = files;
            if (made == null) {
                List<Vma> mapped = new ArrayList<>();
                for (Vma vma : vmas) {
                    if (!vma.isAnonymous()) {
                        mapped.add(AddressSpaceBuilder.mapping(
                                vma.start(),
                                vma.end(),
                                VmaFlags.READ | VmaFlags.MAYREAD,
                                vma.pageOffset(),
                                vma.backing(),
                                null));
                    }
                }
                made = machine.space(geometry).load(mapped).build();
                files = made;
            }
            return made;
        }

        @Override
        Contents end(List<Mapping> mappings, Map<String, byte[]> sections) {
            pages.end();
            return new Contents(
                    geometry,
                    checkpoint.layout.origin.heapStart(),
                    checkpoint.brk(),
                    checkpoint.layout.origin.stackStart(),
                    mappings,
                    runs,
                    guards,
                    pages.vmasSince() == null && image == null ? null : Ranges.union(changed, own),
                    sections);
        }

        @Override
        public void close() {
            try {
                if (files != null) {
                    files.close();
                }
            } finally {
                pages.close();
            }
        }
    }
}
