// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.backing.HostFile;
import dev.samara.core.backing.HostFileOption;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Opens files that are not stores, and stores for which the machine lacks something. Each attempt must fail with the
 * file unchanged and open, and leave nothing in the machine: no space, no CPU, no page table, and after the close of
 * the file no page and no lock of it.
 */
@DisplayName("A key-value store that cannot be opened")
final class KeyValueStoreRefusalTest {
    private static final int PAGE = 4096;
    private static final long NUMBER = 7;
    private static final long CHECK = 0x736d_7261_6d72_7662L;
    private static final int RECORDS = 5_000;
    private static final int FRAMES = 256;

    @TempDir
    Path folder;

    private Path path = Path.of("");

    @BeforeEach
    void name() {
        path = folder.resolve("store");
    }

    private void fill() throws IOException {
        Machine machine = StoreFixture.newMachine();
        try (KeyValueStore store = StoreFixture.open(machine, path)) {
            for (int key = 0; key < RECORDS; key++) {
                store.put(key, new byte[KeyValueStore.MAX_VALUE]);
            }
            store.checkpoint();
        }
        machine.close();
    }

    /** Returns the failure of an open by a machine that has nothing else open, and checks what it leaves. */
    private <T extends Exception> T refused(Class<T> kind, Geometry geometry, OpenOption... options) throws Exception {
        byte[] before = Files.readAllBytes(path);
        Machine machine = StoreFixture.newMachine();
        HostFile file = machine.openFile(path, geometry, options);
        T refused = assertThrows(kind, () -> new KeyValueStore(machine, file));
        assertEquals(before.length, file.size(), "the file is open");
        assertLeft(machine, file);
        machine.close();
        assertArrayEquals(before, Files.readAllBytes(path));
        return refused;
    }

    private void assertLeft(Machine machine, HostFile file) throws InterruptedException {
        file.close();
        machine.awaitQuiescence();
        assertEquals(List.of(), machine.references());
        assertEquals(0, machine.statistics().pageTableBytes());
        assertEquals(0, machine.statistics().framesInUse());
        Machine other = StoreFixture.newMachine();
        other.openFile(path, Geometry.LINUX_X86_64, StandardOpenOption.WRITE, HostFileOption.EXLOCK)
                .close();
        other.close();
    }

    private IOException refused() throws Exception {
        return refused(IOException.class, Geometry.LINUX_X86_64, StandardOpenOption.WRITE, HostFileOption.EXLOCK);
    }

    @ParameterizedTest
    @ValueSource(strings = {"precious text", "1234567", "store"})
    @DisplayName("because its file is no store")
    void foreign(String text) throws Exception {
        Files.write(path, Arrays.copyOf(text.getBytes(US_ASCII), text.equals("store") ? 1 << 20 : text.length()));
        refused();
    }

    @Test
    @DisplayName("because its file only starts with zeros")
    void zeros() throws Exception {
        byte[] content = new byte[3072];
        Arrays.fill(content, 8, content.length, (byte) 7);
        Files.write(path, content);
        refused();
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 40, 100})
    @DisplayName("because its file was cut short")
    void cut(int pages) throws Exception {
        fill();
        Files.write(path, Arrays.copyOf(Files.readAllBytes(path), pages * PAGE));
        refused();
    }

    /** Writes the header of a tree of 3 pages, with a root beyond them. */
    private void writeHeader(long magic) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(4 * PAGE).order(ByteOrder.LITTLE_ENDIAN);
        long tree = 3L << 32 | 1000;
        bytes.putLong(PAGE, NUMBER).putLong(PAGE + 8, tree).putLong(PAGE + 16, Long.reverse(NUMBER) ^ tree ^ magic);
        Files.write(path, bytes.array());
    }

    @Test
    @DisplayName("because a page of its tree cannot be read")
    void unreadable() throws Exception {
        writeHeader(CHECK);
        assertEquals("a page of the tree cannot be read", refused().getMessage());
    }

    @Test
    @DisplayName("because another version wrote it")
    void otherVersion() throws Exception {
        writeHeader(CHECK - 1);
        assertTrue(String.valueOf(refused().getMessage()).startsWith("not a store"));
    }

    @Test
    @DisplayName("because its file is open for reading only, or for other pages")
    void notMappable() throws Exception {
        fill();
        refused(MmException.class, Geometry.LINUX_X86_64, StandardOpenOption.READ);
        refused(IOException.class, Geometry.LINUX_AARCH64_16K, StandardOpenOption.WRITE);
    }

    @Test
    @DisplayName("because its file is closed")
    void closed() throws Exception {
        fill();
        Machine machine = StoreFixture.newMachine();
        HostFile file = machine.openFile(path, Geometry.LINUX_X86_64, StandardOpenOption.WRITE);
        file.close();
        assertThrows(IOException.class, () -> new KeyValueStore(machine, file));
        assertLeft(machine, file);
        machine.close();
    }

    @Test
    @DisplayName("because another CPU of the thread is in GUEST")
    void inGuest() throws Exception {
        fill();
        Machine machine = StoreFixture.newMachine();
        HostFile file = machine.openFile(path, Geometry.LINUX_X86_64, StandardOpenOption.WRITE);
        try (KeyValueStore other = StoreFixture.open(machine, folder.resolve("other"))) {
            other.put(1, new byte[1]);
            assertThrows(
                    IllegalStateException.class,
                    () -> other.forEach(1, 1, (value, key) -> {
                        throw assertThrows(IllegalStateException.class, () -> new KeyValueStore(machine, file));
                    }));
            assertNotNull(other.get(1));
        }
        assertLeft(machine, file);
        machine.close();
    }

    /**
     * Another space locks all frames.
     *
     * @param pages how many pages of the store's file it has locked; the headers are on the first two
     */
    @ParameterizedTest
    @CsvSource({"0, ENOMEM", "2, a page of the tree cannot be read"})
    @DisplayName("because no frame is free for its headers or its tree")
    void noFrames(int pages, String message) throws Exception {
        fill();
        Machine machine = Machine.builder().memory(FRAMES * PAGE).build();
        HostFile file = machine.openFile(path, Geometry.LINUX_X86_64, StandardOpenOption.WRITE);
        AddressSpace filler = machine.newSpace(Geometry.LINUX_X86_64);
        filler.throwing().mlockall(Mman.FUTURE);
        if (pages > 0) {
            filler.throwing().mmap(0, (long) pages * PAGE, Mman.READ, Mman.SHARED, file, 0);
        }
        long rest = (long) (FRAMES - pages) * PAGE;
        filler.throwing().mmap(0, rest, Mman.READ | Mman.WRITE, Mman.PRIVATE | Mman.ANONYMOUS, null, 0);
        assertEquals(FRAMES, machine.statistics().framesInUse());
        IOException refused = assertThrows(IOException.class, () -> new KeyValueStore(machine, file));
        assertTrue(String.valueOf(refused.getMessage()).contains(message), refused::toString);
        assertEquals(1, machine.references().size(), "the space that has the frames");
        filler.close();
        assertLeft(machine, file);
        machine.close();
    }
}
