// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.image;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.AddressSpace;
import dev.samara.core.Checkpoint;
import dev.samara.core.Machine;
import dev.samara.core.SpaceImage;
import dev.samara.core.fixture.ChildJvm;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.image.ImageFormat;
import dev.samara.core.mman.Mman;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

@DisplayName("Images that two processes exchange, of each version of Java that is found,")
final class ExchangedImageTest {
    private static final long AT = 0x10_0000_0000L;
    private static final int PAGES = 40;
    private static final String VERDICT = "exchanged";

    /**
     * Opens a chain of images, continues it by an increment, and describes the spaces of both instants.
     *
     * @param names a directory, and the names of the chain's files in it, the last one of which is written
     */
    public static void main(String[] names) throws IOException {
        Path directory = Path.of(names[0]);
        try (Machine machine = Machine.builder().memory(1 << 22).build();
                AddressSpace space = machine.newSpace(SpaceFixture.GEOMETRY)) {
            fill(space);
            Files.write(directory.resolve("same"), ImageFixture.save(space));
        }
        byte[][] chain = new byte[names.length - 2][];
        for (int i = 0; i < chain.length; i++) {
            chain[i] = Files.readAllBytes(directory.resolve(names[i + 1]));
        }
        try (Machine machine = Machine.builder().memory(1 << 22).build();
                SpaceImage image = ImageFixture.open(machine, chain);
                AddressSpace loaded = ImageFixture.load(image, machine)) {
            Files.writeString(directory.resolve("opened"), ImageFixture.describe(loaded));
            for (int page = 1; page < PAGES; page += 7) {
                assertEquals(1, loaded.write(AT + page * PAGE, new byte[] {(byte) (100 + page)}, 0, 1));
            }
            assertEquals(0, loaded.munmap(AT + 4 * PAGE, 2 * PAGE));
            try (Checkpoint checkpoint = loaded.checkpoint();
                    AddressSpace child = loaded.fork()) {
                Files.writeString(directory.resolve("continued"), ImageFixture.describe(child));
                Files.write(directory.resolve(names[names.length - 1]), ImageFixture.saveSince(image, checkpoint));
            }
        }
        System.out.println(VERDICT);
    }

    /** Maps and writes what is the same in each process. */
    private static void fill(AddressSpace space) {
        assertEquals(AT, space.mmap(AT, PAGES * PAGE, RW, ANONYMOUS | Mman.FIXED, null, 0));
        for (int page = 0; page < PAGES; page += 3) {
            assertEquals(1, space.write(AT + page * PAGE, new byte[] {(byte) (page + 1)}, 0, 1));
        }
    }

    /** Returns the bytes of an image without its identity, which no two saves share, and the checksum of that. */
    private static byte[] withoutIdentity(byte[] image) {
        return Arrays.copyOfRange(image, ImageFormat.HEAD, image.length - ImageFormat.TRAILER);
    }

    private static List<Path> homes() throws IOException {
        return ChildJvm.homes();
    }

    @ParameterizedTest
    @MethodSource("homes")
    @DisplayName("have the same mappings and bytes in both, and each continues the other's chain")
    void exchanged(Path home, @TempDir Path directory) throws Exception {
        SpaceFixture fixture = new SpaceFixture();
        AddressSpace space = fixture.space;
        assertEquals(AT, fixture.map(AT, PAGES, RW, ANONYMOUS | Mman.FIXED, null, 0));
        List<byte[]> chain = new ArrayList<>();
        try (Checkpoint first = space.checkpoint()) {
            for (int page = 0; page < PAGES; page += 2) {
                fixture.store(AT + page * PAGE, page + 1);
            }
            try (Checkpoint second = space.checkpoint()) {
                chain.add(ImageFixture.save(first));
                chain.add(ImageFixture.saveSince(first, second, Map.of("registers", new byte[] {1})));
            }
        }
        String expected;
        try (AddressSpace child = space.fork()) {
            expected = ImageFixture.describe(child);
        }
        Files.write(directory.resolve("base"), chain.get(0));
        Files.write(directory.resolve("increment"), chain.get(1));

        ChildJvm.runOn(
                home,
                ExchangedImageTest.class,
                VERDICT,
                List.of(),
                directory.toString(),
                "base",
                "increment",
                "theirs");

        try (AddressSpace same = fixture.machine.newSpace(SpaceFixture.GEOMETRY)) {
            fill(same);
            assertArrayEquals(
                    withoutIdentity(ImageFixture.save(same)),
                    withoutIdentity(Files.readAllBytes(directory.resolve("same"))));
        }

        assertEquals(expected, Files.readString(directory.resolve("opened")));
        chain.add(Files.readAllBytes(directory.resolve("theirs")));
        try (SpaceImage image = ImageFixture.open(fixture.machine, chain.toArray(byte[][]::new));
                AddressSpace loaded = ImageFixture.load(image, fixture.machine)) {
            assertEquals(Files.readString(directory.resolve("continued")), ImageFixture.describe(loaded));
        }
        assertEquals(0, space.munmap(AT, PAGES * PAGE));
        fixture.closeEmpty();
    }
}
