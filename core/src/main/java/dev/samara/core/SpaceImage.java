// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.backing.HostFile;
import dev.samara.core.internal.hostfile.OpenHostFile;
import dev.samara.core.internal.image.ImageFile;
import dev.samara.core.internal.image.ImageFile.Segment;
import dev.samara.core.internal.image.ImageFormat.Contents;
import dev.samara.core.internal.image.ImageFormat.Mapping;
import dev.samara.core.internal.image.ImageFormat.Ranges;
import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * An open image of a space, from which any number of spaces can be loaded. {@link AddressSpace#save} and {@link
 * Checkpoint#save} write images, and {@link Machine#openImage} opens them, in the same or another process, with the
 * same or another version of Java. An image may be one whole file, or the file of a base and those of increments
 * ({@link Checkpoint#saveSince}); it then is the image of the last increment, in all that follows. A space that was
 * loaded from an image can be saved as an increment of it.
 *
 * <p><b>Content.</b> An image contains what a child of {@link AddressSpace#fork} has: the mappings with their rights,
 * advice, names and seals; the bytes of their pages; guard markers; the range of the heap and the place of the main
 * stack. As in a child, no memory is locked, mappings with {@code MADV_DONTFORK} are missing, and those with {@code
 * MADV_WIPEONFORK} are empty; so are droppable ones. Private mappings of files are saved with their bytes, and no
 * longer depend on the file. Shared mappings, special mappings and those of devices cannot be saved. Registers, open
 * files, limits, privileges and the settings of the builder are the embedder's to save, e.g. in a section.
 *
 * <p><b>Loading.</b> {@link #load} takes the same time for an image of any size: the mappings are private mappings of
 * the image, each page is read when it is first touched, and all spaces share it until they write there. A loaded
 * mapping therefore behaves as a private mapping of a file does on Linux: {@code maps} shows the image, memory that is
 * dropped by {@code MADV_DONTNEED}, or cut off and regained by {@code mremap}, has the saved bytes again, and no name
 * can be given. {@link #copy} reads all pages into anonymous memory instead, which takes as long as the image is large,
 * but the guest sees no difference to the saved space. Use it for programs that rely on such zeros, as allocators do.
 *
 * <p><b>Damage.</b> Everything but the bytes of pages is checked when the image is opened. The bytes are in blocks of
 * 64 KiB with a checksum each. A block is checked when a page of it is read into memory; if the checksum is wrong, the
 * access is a SIGBUS, and it is reported ({@link dev.samara.core.event.Report.Kind#CALLBACK_FAILED}). {@link #verify}
 * checks all blocks. A checksum does not show whether somebody changed the image on purpose.
 *
 * <p>No file must be changed while the image, or a space that was loaded from it, is open. A changed size or time
 * is noticed by {@link #load}, {@link #copy} and {@link #verify}. An access notices a change only by the checksum of a
 * block that it reads; pages in memory stay as they were.
 *
 * <p>Thread-safe.
 */
@Experimental
public final class SpaceImage implements AutoCloseable {
    private final Machine machine;
    private final List<Part> parts;
    final ImageFile image;
    final Geometry geometry;

    /** The descriptions of mappings of the image, which do not change, and whose making takes a while. */
    private final List<Vma> mapped;

    /**
     * Whether this was closed.
     *
     * <p>Written: the thread that closes it (monitor).
     * Read: the thread that closes it (monitor); others (monitor).
     */
    private boolean isClosed;

    /** Opens an image of the files of a base and its increments, which are closed with it, unless this throws. */
    SpaceImage(Machine machine, List<Part> parts, Geometry geometry) throws IOException {
        if (parts.size() > ImageFile.MOST_PARTS) {
            throw new IllegalArgumentException("more than " + (ImageFile.MOST_PARTS - 1) + " increments");
        }
        this.machine = machine;
        this.parts = parts;
        this.geometry = geometry;
        image = new ImageFile(
                parts.stream().map(part -> (OpenHostFile) part.file).toList(),
                geometry,
                bytes -> machine.newPageCache(geometry, bytes),
                end -> machine.host.threads.housekeeping.ensured(() -> machine.host.threads.tasks.execute(end)));
        mapped = vmas(true);
    }

    /**
     * Returns the names of the sections.
     *
     * @return the names, unmodifiable
     */
    public Set<String> sections() {
        return Set.copyOf(image.contents().sections().keySet());
    }

    /**
     * Returns what the embedder saved under a name.
     *
     * @param name the name
     * @return a copy of the bytes; null if there is no section of that name
     */
    public byte @Nullable [] section(String name) {
        byte[] section = image.contents().sections().get(Objects.requireNonNull(name, "name"));
        return section == null ? null : section.clone();
    }

    /**
     * Makes a space of this image, whose pages are read when they are touched. Use {@link #verify} before, if an error
     * should be found now rather than by an access.
     *
     * @param builder a builder of a space of this machine, with the geometry of the image. Its limits, privileges,
     *     guards and other settings apply; its heap, stack and initial mappings are replaced
     * @return the space, which may be closed after this image
     * @throws IOException if the file changed since it was opened
     * @throws IllegalArgumentException if the machine or the geometry is another one, or a mapping reaches into a guard
     * @throws IllegalStateException if this is closed, or as {@link AddressSpaceBuilder#build} throws it
     * @throws MmException with ENOMEM if there are too many mappings, or they exceed a limit of the builder or of the
     *     machine; with EPERM if a mapping lies below {@link Geometry#minimum}, and {@link Capability#SYS_RAWIO} is not
     *     granted
     */
    public AddressSpace load(AddressSpaceBuilder builder) throws IOException {
        return make(builder, true);
    }

    /**
     * Makes a space of this image with anonymous memory, into which all bytes are copied, and verified.
     *
     * @param builder as for {@link #load}
     * @return the space, which does not depend on the image
     * @throws IOException if the file changed since it was opened, cannot be read, or is damaged; {@link
     *     InterruptedIOException} if the thread was interrupted
     * @throws IllegalArgumentException as for {@link #load}
     * @throws IllegalStateException as for {@link #load}
     * @throws MmException as for {@link #load}; also with ENOMEM if there is no memory for the pages
     */
    public AddressSpace copy(AddressSpaceBuilder builder) throws IOException {
        return make(builder, false);
    }

    private AddressSpace make(AddressSpaceBuilder builder, boolean isMapped) throws IOException {
        begin("the loading of an image");
        try {
            checkUnchanged();
            checkFits(builder);
            return made(builder, isMapped);
        } finally {
            image.unuse();
        }
    }

    private AddressSpace made(AddressSpaceBuilder builder, boolean isMapped) throws IOException {
        Contents contents = image.contents();
        AddressSpace space = builder.heap(contents.heapStart(), contents.brk())
                .stack(contents.stackStart())
                .load(isMapped ? mapped : vmas(false))
                .build();
        boolean isMade = false;
        try {
            checkLimits(builder, space);
            if (!isMapped) {
                copyPages(space);
            }
            Ranges guards = contents.guards();
            for (int i = 0; i < guards.count(); i++) {
                check("a guard", space.madvise(guards.start(i), guards.end(i) - guards.start(i), Mman.GUARD_INSTALL));
            }
            for (Mapping mapping : contents.mappings()) {
                if ((mapping.flags() & VmaFlags.SEALED) != 0) {
                    check("a seal", space.mseal(mapping.start(), mapping.end() - mapping.start(), 0));
                }
            }
            isMade = true;
            return space;
        } finally {
            if (!isMade) {
                space.close();
            }
        }
    }

    /** Returns descriptions of all mappings: of the image, or of anonymous memory. */
    private List<Vma> vmas(boolean areMapped) {
        List<Mapping> mappings = image.contents().mappings();
        List<Vma> vmas = new ArrayList<>(mappings.size());
        for (int i = 0; i < mappings.size(); i++) {
            Mapping mapping = mappings.get(i);
            Segment segment = areMapped ? image.segment(i) : null;
            // Sealed at the end, because a seal forbids to install guards, and to write if it is read-only.
            vmas.add(AddressSpaceBuilder.mapping(
                    mapping.start(),
                    mapping.end(),
                    flags(mapping, segment),
                    segment == null ? mapping.pageOffset() : segment.first(),
                    segment,
                    segment == null ? mapping.name() : null));
        }
        return vmas;
    }

    private long flags(Mapping mapping, @Nullable Backing segment) {
        long flags = mapping.flags() & ~VmaFlags.SEALED;
        boolean isUnreserved = (flags & VmaFlags.NORESERVE) != 0;
        if (isUnreserved && machine.host.committed.isStrict) {
            flags &= ~VmaFlags.NORESERVE;
            flags |= (flags & VmaFlags.WRITE) != 0 ? VmaFlags.ACCOUNT : 0;
        }
        return segment == null ? flags : flags & ~VmaFlags.MERGEABLE;
    }

    private void checkFits(AddressSpaceBuilder builder) {
        if (builder.machine() != machine) {
            throw new IllegalArgumentException("the builder belongs to another machine");
        }
        if (!builder.geometry().equals(geometry)) {
            throw new IllegalArgumentException(
                    "the builder has another geometry: " + builder.geometry() + ", not " + geometry);
        }
        List<Mapping> mappings = image.contents().mappings();
        if (mappings.size() > machine.host.maxMapCount) {
            throw new MmException("load of " + mappings.size() + " mappings", Errno.ENOMEM);
        }
        if (!mappings.isEmpty()
                && Addresses.isBelow(mappings.get(0).start(), geometry.minimum())
                && !builder.isGranted(Capability.SYS_RAWIO)) {
            throw new MmException(
                    "load of a mapping at 0x" + Long.toHexString(mappings.get(0).start()), Errno.EPERM);
        }
    }

    private static void checkLimits(AddressSpaceBuilder builder, AddressSpace space) {
        long total = builder.limitInPages(Resource.AS);
        long data = builder.limitInPages(Resource.DATA);
        if (total == -1 && data == -1) {
            return;
        }
        Usage usage = space.usage();
        if (Addresses.isAbove(usage.total(), total) || Addresses.isAbove(usage.data(), data)) {
            throw new MmException("load of " + usage, Errno.ENOMEM);
        }
    }

    private static void check(String what, long result) {
        if (Errno.isError(result)) {
            throw new MmException("load of " + what, Errno.of(result));
        }
    }

    private void copyPages(AddressSpace space) throws IOException {
        for (int i = 0; i < image.contents().runs().count(); i++) {
            image.forEachPiece(i, (address, bytes) -> {
                checkNotInterrupted("the loading of an image");
                long done = space.writeForced(address, bytes);
                if (bytes.hasRemaining()) {
                    checkNotInterrupted("the loading of an image");
                    throw new MmException("load", done < 0 ? Errno.of(done) : Errno.ENOMEM);
                }
            });
        }
    }

    private static void checkNotInterrupted(String what) throws InterruptedIOException {
        if (Thread.currentThread().isInterrupted()) {
            throw new InterruptedIOException(what);
        }
    }

    /**
     * Reads the bytes of all pages, and verifies their checksums.
     *
     * @throws IOException if the file changed since it was opened, cannot be read, or is damaged; {@link
     *     InterruptedIOException} if the thread was interrupted
     * @throws IllegalStateException if this is closed, if a CPU of the calling thread is in GUEST, or if this is called
     *     within {@code rcuMapPages}
     */
    public void verify() throws IOException {
        begin("the verification of an image");
        try {
            checkUnchanged();
            for (int i = 0; i < image.contents().runs().count(); i++) {
                image.forEachPiece(i, (address, bytes) -> checkNotInterrupted("the verification of an image"));
            }
        } finally {
            image.unuse();
        }
    }

    /** Starts a use of the image, which the caller ends. A concurrent close does not close the files before that. */
    private void begin(String what) {
        image.checkMayEnd(what);
        boolean isOpen;
        synchronized (this) {
            isOpen = !isClosed && image.use();
        }
        if (!isOpen) {
            throw new IllegalStateException(this + " is closed");
        }
    }

    private void checkUnchanged() throws IOException {
        for (Part part : parts) {
            part.checkUnchanged();
        }
    }

    /** A file of an image, as it was at the open. */
    static final class Part {
        private final HostFile file;

        /** The path and its attributes at the open; null for a file that the caller opened. */
        private final @Nullable Path path;

        private final @Nullable BasicFileAttributes attributes;
        private final long size;

        Part(HostFile file, @Nullable Path path) throws IOException {
            this.file = file;
            this.path = path;
            attributes = path == null ? null : Files.readAttributes(path, BasicFileAttributes.class);
            size = file.size();
        }

        private void checkUnchanged() throws IOException {
            if (path == null ? isResized() : isTouched(path)) {
                throw new IOException(file.name() + " changed since it was opened as an image");
            }
        }

        private boolean isResized() throws IOException {
            long result = file.revalidate();
            if (result != 0) {
                throw new IOException("cannot read " + file.name() + ": " + Errno.of(result));
            }
            return file.size() != size;
        }

        /** Returns whether the path names the same file, with another size or time. */
        private boolean isTouched(Path path) throws IOException {
            BasicFileAttributes before = Objects.requireNonNull(attributes);
            BasicFileAttributes now;
            try {
                now = Files.readAttributes(path, BasicFileAttributes.class);
            } catch (NoSuchFileException removed) {
                return false;
            }
            return Objects.equals(now.fileKey(), before.fileKey())
                    && (now.size() != before.size() || !now.lastModifiedTime().equals(before.lastModifiedTime()));
        }
    }

    /**
     * Closes this image. Spaces that were loaded from it stay as they are, and keep the file open, as a load does that
     * is under way. A second call does nothing.
     *
     * @throws IllegalStateException if a CPU of the calling thread is in GUEST, or if this is called within {@code
     *     rcuMapPages}
     */
    @Override
    public void close() {
        image.checkMayEnd("the closing of an image");
        synchronized (this) {
            if (isClosed) {
                return;
            }
            isClosed = true;
        }
        image.unuse();
    }

    @Override
    public String toString() {
        return image.toString();
    }
}
