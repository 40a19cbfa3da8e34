// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.lucene;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.vma.Geometry;
import java.io.IOException;
import java.nio.file.Path;
import org.apache.lucene.store.AlreadyClosedException;
import org.apache.lucene.store.IOContext;
import org.apache.lucene.store.IndexInput;
import org.apache.lucene.store.IndexOutput;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What Lucene's own tests, which a profile runs, leave open. */
@DisplayName("A directory of Lucene on files of a machine")
final class LuceneDirectoryTest {
    private static final int BYTES = 1 << 16;

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
}
