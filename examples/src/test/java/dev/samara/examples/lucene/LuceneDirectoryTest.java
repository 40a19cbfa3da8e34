// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.lucene;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.vma.Geometry;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.SplittableRandom;
import java.util.concurrent.FutureTask;
import org.apache.lucene.store.AlreadyClosedException;
import org.apache.lucene.store.IOContext;
import org.apache.lucene.store.IndexInput;
import org.apache.lucene.store.IndexOutput;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What Lucene's own tests, which a profile runs, leave open. */
@DisplayName("A directory of Lucene on files of a machine")
final class LuceneDirectoryTest {
    private static final int BYTES = 1 << 16;
    private static final int ROUNDS = 200;

    private static void write(LuceneDirectory directory, String name, byte value) throws IOException {
        try (IndexOutput output = directory.createOutput(name, IOContext.DEFAULT)) {
            for (int i = 0; i < BYTES; i++) {
                output.writeByte(value);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("reads nothing by a clone of an input that was closed, though its addresses are mapped again")
    void closedClone(boolean isMapped, @TempDir Path folder) throws IOException {
        Machine machine = Machine.builder().memory(1 << 20).build();
        AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        try (LuceneDirectory directory = new LuceneDirectory(folder, machine, isMapped ? space : null)) {
            write(directory, "a", (byte) 1);
            write(directory, "b", (byte) 2);
            IndexInput first = directory.openInput("a", IOContext.DEFAULT);
            IndexInput clone = first.clone();
            assertEquals(1, clone.readByte());
            first.close();
            try (IndexInput second = directory.openInput("b", IOContext.DEFAULT)) {
                clone.seek(BYTES - 1);
                assertThrows(AlreadyClosedException.class, clone::readByte);
                assertEquals(2, second.readByte());
            }
        }
        space.close();
        machine.close();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    @DisplayName("reads its own bytes or none by a clone on another thread, while files are closed and opened")
    void clonesBesideCloses(boolean isMapped, @TempDir Path folder) throws Exception {
        // Views of some of the pages.
        Machine machine = Machine.builder().memory(1 << 20).build();
        AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        try (LuceneDirectory directory = new LuceneDirectory(folder, machine, isMapped ? space : null)) {
            write(directory, "0", (byte) 0);
            write(directory, "1", (byte) 1);
            for (int round = 0; round < ROUNDS; round++) {
                int value = round & 1;
                IndexInput input = directory.openInput("" + value, IOContext.DEFAULT);
                IndexInput clone = input.clone();
                IndexInput slice = input.slice("slice", 5_000, BYTES - 5_000);
                assertEquals(value, clone.readByte());
                FutureTask<Integer> reader = new FutureTask<>(() -> readUntilClosed(value, clone, slice));
                Thread thread = new Thread(reader);
                thread.start();
                input.close();
                try (IndexInput next = directory.openInput("" + (1 - value), IOContext.DEFAULT)) {
                    assertEquals(1 - value, next.readByte());
                }
                assertTrue(reader.get() >= 0);
                thread.join();
            }
        }
        space.close();
        machine.close();
    }

    /** Returns the number of bytes that were read. */
    private static int readUntilClosed(int value, IndexInput clone, IndexInput slice) throws IOException {
        SplittableRandom random = new SplittableRandom(7);
        int read = 0;
        try {
            for (; ; read++) {
                IndexInput from = (read & 1) == 0 ? clone : slice;
                from.seek(random.nextLong(from.length()));
                assertEquals(value, from.readByte());
            }
        } catch (AlreadyClosedException | ClosedChannelException closed) {
            return read;
        }
    }

    @Test
    @DisplayName("reads a file of more than 2 GiB through views, by slices of it, too")
    void large(@TempDir Path folder) throws IOException {
        long at = (3L << 30) + 5;
        try (FileChannel sparse =
                FileChannel.open(folder.resolve("large"), StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW)) {
            assertEquals(1, sparse.write(ByteBuffer.wrap(new byte[] {7}), at));
        }
        Machine machine = Machine.builder().memory(1 << 20).build();
        AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
        try (LuceneDirectory directory = new LuceneDirectory(folder, machine, space);
                IndexInput input = directory.openInput("large", IOContext.DEFAULT)) {
            IndexInput slice = input.slice("end", at - 1, 2);
            assertEquals(0, slice.readByte());
            assertEquals(7, slice.readByte());
            assertEquals(1, machine.statistics().pins(), "a view of the last page");
            input.seek(at);
            assertEquals(7, input.readByte());
            assertEquals(1, machine.statistics().pins(), "the same view");
            assertThrows(EOFException.class, input::readByte);
            assertEquals(0, machine.statistics().viewCopies());
        }
        space.close();
        machine.close();
    }
}
