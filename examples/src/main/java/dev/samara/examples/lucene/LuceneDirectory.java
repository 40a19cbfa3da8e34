// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.lucene;

import static java.util.Objects.requireNonNull;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.guest.PageView;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.apache.lucene.store.AlreadyClosedException;
import org.apache.lucene.store.BufferedIndexInput;
import org.apache.lucene.store.FSDirectory;
import org.apache.lucene.store.FSLockFactory;
import org.apache.lucene.store.IOContext;
import org.apache.lucene.store.IndexInput;
import org.apache.lucene.store.IndexOutput;
import org.apache.lucene.store.OutputStreamIndexOutput;
import org.jspecify.annotations.Nullable;

/**
 * A Lucene directory on host files of a machine: its pages are in the machine's page cache, within its limits. Inputs
 * read by calls, or, if a space is given, from mappings. The owner closes all inputs, then the space and the machine.
 *
 * <p>Each input fills a buffer of its own. By mappings, it copies from a {@link PageView} of the page, which all clones
 * and slices of an opened file share, on all threads: a copy from it takes no CPU of the machine, and writes nothing
 * that other threads read. The bound of views is an eighth of the machine's memory and of its {@code cacheLimit}. The
 * pages that are read first have the views; a page without one is copied by {@link AddressSpace#read}.
 */
public final class LuceneDirectory extends FSDirectory {
    private static final int PAGE_SHIFT = 12;
    private static final long PAGE = 1 << PAGE_SHIFT;

    /** The number of pages whose views are in one array, which is made with the first of them. */
    private static final int GROUP = 1_024;

    /** The bytes of a group, as a power of two. */
    private static final int GROUP_SHIFT = 22;

    /** The number of pages that are read without a view after views were at their bound. */
    private static final int PAUSE = 1_000;

    private final Machine machine;
    private final @Nullable AddressSpace space;

    /**
     * Opens a directory.
     *
     * @param path its folder
     * @param machine which opens its files
     * @param space of the machine, in which each open input is mapped; null for inputs that read by calls
     * @throws IOException if the folder cannot be created
     */
    public LuceneDirectory(Path path, Machine machine, @Nullable AddressSpace space) throws IOException {
        super(path, FSLockFactory.getDefault());
        this.machine = machine;
        this.space = space;
    }

    private HostFile open(String name, StandardOpenOption option) throws IOException {
        try {
            return machine.openFile(directory.resolve(name), Geometry.LINUX_X86_64, option);
        } catch (MmException refused) {
            throw refused.getCause() instanceof IOException host ? host : new IOException(refused);
        }
    }

    @Override
    public IndexInput openInput(String name, IOContext context) throws IOException {
        long length = fileLength(name); // Checks that this is open, and that the file exists.
        HostFile file = open(name, StandardOpenOption.READ);
        long mapping = 0; // Reads by calls: no mapping starts at 0.
        if (space != null && length > 0) {
            mapping = space.mmap(0, length, Mman.READ, Mman.SHARED, file, 0);
            if (Errno.isError(mapping)) {
                file.close();
                throw new IOException(name + ": mmap: " + Errno.of(mapping));
            }
        }
        return new Input(name, context, new OpenFile(file.channel(), mapping, length));
    }

    @Override
    public IndexOutput createOutput(String name, IOContext context) throws IOException {
        return reopen(super.createOutput(name, context));
    }

    @Override
    public IndexOutput createTempOutput(String prefix, String suffix, IOContext context) throws IOException {
        return reopen(super.createTempOutput(prefix, suffix, context));
    }

    /** The superclass has created the file of this output, which is empty. */
    private IndexOutput reopen(IndexOutput created) throws IOException {
        created.close();
        String name = created.getName();
        FileChannel channel = open(name, StandardOpenOption.WRITE).channel();
        return new OutputStreamIndexOutput(name, name, Channels.newOutputStream(channel), 1 << 13) {};
    }

    @Override
    protected void fsync(String name) throws IOException {
        try (FileChannel channel = open(name, StandardOpenOption.READ).channel()) {
            channel.force(true);
        }
    }

    /** A file that is open for reading. Its inputs share it. */
    private final class OpenFile {
        private final FileChannel channel;
        private final long mapping;
        private final long length;

        /**
         * The bytes of the pages that have a view; null for groups of pages without one. No view is closed, because a
         * clone on another thread may be reading it while the file is closed: the garbage collector ends the views
         * after the last input.
         */
        private final AtomicReferenceArray<@Nullable AtomicReferenceArray<@Nullable ByteBuffer>> views;

        /** How many pages are not worth another attempt, because views are at their bound. May lose updates. */
        private int pause;

        OpenFile(FileChannel channel, long mapping, long length) {
            this.channel = channel;
            this.mapping = mapping;
            this.length = length;
            views = new AtomicReferenceArray<>(mapping == 0 ? 0 : (int) ((length - 1) >> GROUP_SHIFT) + 1);
        }

        /** Copies bytes from an offset on, at least one. Returns what the calls return that read. */
        long read(long at, ByteBuffer target) throws IOException {
            if (mapping == 0) {
                return channel.read(target, at);
            }
            ByteBuffer page = page(at);
            if (page == null) {
                return requireNonNull(space).read(mapping + at, target);
            }
            int from = (int) (at & PAGE - 1);
            int part = Math.min(target.remaining(), page.limit() - from);
            target.put(target.position(), page, from, part).position(target.position() + part);
            return part;
        }

        /** Returns the bytes of the page at an offset; null if there is no view of it. */
        private @Nullable ByteBuffer page(long at) {
            int number = (int) (at >> PAGE_SHIFT) & GROUP - 1;
            AtomicReferenceArray<@Nullable ByteBuffer> group = views.get((int) (at >> GROUP_SHIFT));
            ByteBuffer known = group == null ? null : group.get(number);
            if (known != null) {
                return known;
            }
            if (pause > 0) {
                pause--;
                return null;
            }
            return newPage(at & -PAGE, number);
        }

        private @Nullable ByteBuffer newPage(long start, int number) {
            PageView view;
            try {
                view = requireNonNull(space).view(mapping + start, (int) Math.min(PAGE, length - start));
            } catch (MmException refused) {
                return null; // The copy fails, too, and reports it.
            }
            ByteBuffer page = view.buffer();
            if (view.isCopy()) {
                pause = PAUSE;
                return page;
            }
            // If it is open now, nothing else can have been mapped there before.
            if (!channel.isOpen()) {
                view.close();
                return null;
            }
            int ofGroup = (int) (start >> GROUP_SHIFT);
            if (views.get(ofGroup) == null) {
                views.compareAndSet(ofGroup, null, new AtomicReferenceArray<>(GROUP));
            }
            ByteBuffer earlier = requireNonNull(views.get(ofGroup)).compareAndExchange(number, null, page);
            if (earlier == null) {
                return page;
            }
            view.close(); // Not used yet.
            return earlier;
        }

        synchronized void close(Input input) throws IOException {
            if (!channel.isOpen()) {
                return;
            }
            channel.close();
            long unmapped = mapping == 0 ? 0 : requireNonNull(space).munmap(mapping, length);
            if (unmapped != 0) {
                throw new IOException(input + ": munmap: " + Errno.of(unmapped));
            }
        }
    }

    /** Slices are those of the superclass, which clones an input for each. */
    private static final class Input extends BufferedIndexInput {
        private final OpenFile file;
        private boolean isClone;

        Input(String name, IOContext context, OpenFile file) {
            super(name, context);
            this.file = file;
        }

        @Override
        protected void readInternal(ByteBuffer target) throws IOException {
            long start = getFilePointer() - target.position();
            while (target.hasRemaining()) {
                long at = start + target.position();
                checkOpen();
                long read = file.read(at, target);
                // The bytes are those of the file only if it was not unmapped before.
                checkOpen();
                if (read <= 0) {
                    throw new EOFException(at + " in " + this + (read < -1 ? ": " + Errno.of(read) : ""));
                }
            }
        }

        private void checkOpen() {
            if (!file.channel.isOpen()) {
                throw new AlreadyClosedException(toString());
            }
        }

        @Override
        protected void seekInternal(long position) throws EOFException {
            if (position > file.length) {
                throw new EOFException(position + " in " + this);
            }
        }

        @Override
        public long length() {
            return file.length;
        }

        @Override
        public Input clone() {
            Input clone = (Input) super.clone();
            clone.isClone = true;
            return clone;
        }

        @Override
        public void close() throws IOException {
            if (!isClone) {
                file.close(this);
            }
        }
    }
}
