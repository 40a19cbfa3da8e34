// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.lucene;

import static java.util.Objects.requireNonNull;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
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
 */
public final class LuceneDirectory extends FSDirectory {
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
        return new Input(name, context, file.channel(), mapping, length);
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

    /** Slices are those of the superclass, which clones an input for each. */
    private final class Input extends BufferedIndexInput {
        private final FileChannel channel;
        private final long mapping;
        private final long length;
        private boolean isClone;

        Input(String name, IOContext context, FileChannel channel, long mapping, long length) {
            super(name, context);
            this.channel = channel;
            this.mapping = mapping;
            this.length = length;
        }

        @Override
        protected void readInternal(ByteBuffer target) throws IOException {
            if (!channel.isOpen()) {
                throw new AlreadyClosedException(toString());
            }
            long start = getFilePointer() - target.position();
            while (target.hasRemaining()) {
                long at = start + target.position();
                long read = mapping == 0
                        ? channel.read(target, at)
                        : requireNonNull(space).read(mapping + at, target);
                if (read <= 0) {
                    throw new EOFException(at + " in " + this + (read < -1 ? ": " + Errno.of(read) : ""));
                }
            }
        }

        @Override
        protected void seekInternal(long position) throws EOFException {
            if (position > length) {
                throw new EOFException(position + " in " + this);
            }
        }

        @Override
        public long length() {
            return length;
        }

        @Override
        public Input clone() {
            Input clone = (Input) super.clone();
            clone.isClone = true;
            return clone;
        }

        @Override
        public void close() throws IOException {
            long unmapped = 0;
            if (!isClone && mapping != 0 && channel.isOpen()) {
                unmapped = requireNonNull(space).munmap(mapping, length);
            }
            if (!isClone) {
                channel.close();
            }
            if (unmapped != 0) {
                throw new IOException(this + ": munmap: " + Errno.of(unmapped));
            }
        }
    }
}
