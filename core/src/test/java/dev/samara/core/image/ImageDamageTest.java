// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.image;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.READ;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static dev.samara.core.image.ImageFixture.describe;
import static dev.samara.core.image.ImageFixture.load;
import static dev.samara.core.image.ImageFixture.open;
import static dev.samara.core.image.ImageFixture.save;
import static dev.samara.core.image.ImageFixture.saveSince;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Checkpoint;
import dev.samara.core.SpaceImage;
import dev.samara.core.event.Report;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.mman.Fault;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.VmaFlags;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(OneThread.class)
@DisplayName("A damaged image")
final class ImageDamageTest {
    private static final int HEAD = 4096;
    private static final int BLOCK = 1 << 16;
    private static final int TRAILER = 32;
    private static final long AT = 0x10_0000_0000L;

    /** The number of images of each kind; the property asks for 10,000. */
    private static final int IMAGES = Integer.getInteger("samara.images", 400);

    private final SpaceFixture fixture = new SpaceFixture(1 << 12);
    private final AddressSpace space = fixture.space;

    @AfterEach
    void leavesNothing() {
        fixture.closeEmpty();
    }

    /** Saves three mappings with 41 pages, which are three blocks, a guard and a section. */
    private byte[] saved() throws IOException {
        fixture.map(AT, 40, RW, ANONYMOUS | Mman.FIXED, null, 0);
        fixture.map(AT + 40 * PAGE, 4, RW, ANONYMOUS | Mman.FIXED, null, 0);
        fixture.map(AT + 50 * PAGE, 3, RW, ANONYMOUS | Mman.FIXED, null, 0);
        for (int page = 0; page < 40; page++) {
            if (page != 20) {
                fixture.store(AT + page * PAGE, page + 1);
                fixture.store(AT + page * PAGE + 1000, page * 77L);
            }
        }
        fixture.store(AT + 41 * PAGE, 1);
        fixture.store(AT + 51 * PAGE, 1);
        assertEquals(0, space.mprotect(AT + 40 * PAGE, 4 * PAGE, READ));
        assertEquals(0, space.madvise(AT + 52 * PAGE, PAGE, Mman.GUARD_INSTALL));
        return save(space, Map.of("registers", new byte[] {1, 2, 3}));
    }

    /**
     * Saves the same as a base, and an increment with a changed page, a dropped one, a guard in place of one, and a new
     * mapping with a page.
     */
    private byte[][] savedTwice() throws IOException {
        byte[] unused = saved();
        try (Checkpoint first = space.checkpoint()) {
            byte[] base = save(first);
            fixture.store(AT + 3 * PAGE, 333);
            assertEquals(0, space.madvise(AT + 5 * PAGE, PAGE, Mman.DONTNEED));
            assertEquals(0, space.madvise(AT + 30 * PAGE, PAGE, Mman.GUARD_INSTALL));
            fixture.map(AT + 60 * PAGE, 2, RW, ANONYMOUS | Mman.FIXED, null, 0);
            fixture.store(AT + 60 * PAGE, 1);
            try (Checkpoint second = space.checkpoint()) {
                return new byte[][] {base, saveSince(first, second, Map.of("registers", new byte[] {4}))};
            }
        }
    }

    /** Opens, loads and reads a damaged image. Returns what the space is; null if it is refused. */
    private @Nullable String read(byte[]... image) {
        try (SpaceImage opened = open(fixture.machine, image);
                AddressSpace loaded = load(opened, fixture.machine)) {
            loaded.validate();
            return describe(loaded) + "\nbrk " + loaded.brk(0) + " registers "
                    + Arrays.toString(opened.section("registers"));
        } catch (IOException refused) {
            return null;
        }
    }

    /** Checks that each page has the right bytes, or no bytes. */
    private static void assertNoWrongByte(String expected, String actual, String message) {
        List<String> right = expected.lines().toList();
        for (String line : actual.lines().toList()) {
            assertTrue(right.contains(line) || line.contains(": -14 "), () -> message + ": " + line);
        }
        assertTrue(actual.lines().count() >= right.size(), message);
    }

    private static byte[] damaged(byte[] image, SplittableRandom random) {
        byte[] made = image.clone();
        int at = random.nextInt(made.length);
        switch (random.nextInt(6)) {
            case 0 -> made[at] ^= (byte) (1 << random.nextInt(8));
            case 1 -> {
                // Nearer to the numbers.
                int table = made.length - 1 - random.nextInt(400);
                made[table] = (byte) random.nextInt();
            }
            case 2 -> made = Arrays.copyOf(made, at);
            case 3 -> made = Arrays.copyOf(made, made.length + 1 + random.nextInt(5000));
            case 4 -> Arrays.fill(made, at, Math.min(made.length, at + 1 + random.nextInt(5000)), (byte) 0);
            default -> {
                int block = random.nextInt(2);
                int length = Math.min(BLOCK, image.length - HEAD - BLOCK);
                if (length > 0) {
                    System.arraycopy(image, HEAD + block * BLOCK, made, HEAD + (1 - block) * BLOCK, length);
                }
            }
        }
        return made;
    }

    @Test
    @DisplayName("is refused, or its accesses fail, or it has the right bytes")
    void random() throws Exception {
        long seed = Long.getLong("samara.seed", System.nanoTime());
        byte[] image = saved();
        String expected = Objects.requireNonNull(read(image));
        long frames = frames();
        SplittableRandom random = new SplittableRandom(seed);
        int refused = 0;
        int failed = 0;
        for (int i = 0; i < IMAGES; i++) {
            byte[] made = damaged(image, random);
            String actual = read(made);
            if (actual == null) {
                refused++;
            } else {
                assertNoWrongByte(expected, actual, "seed " + seed + ", image " + i);
                failed += actual.equals(expected) ? 0 : 1;
            }
        }
        assertEquals(frames, frames());
        assertTrue(refused > IMAGES / 8 && failed > IMAGES / 8, "seed " + seed + ": " + refused + ", " + failed);
    }

    @Test
    @DisplayName("of a base and an increment is refused, or its accesses fail, or it has the right bytes")
    void randomOfTwo() throws Exception {
        long seed = Long.getLong("samara.seed", System.nanoTime());
        byte[][] chain = savedTwice();
        String expected = Objects.requireNonNull(read(chain));
        long frames = frames();
        SplittableRandom random = new SplittableRandom(seed);
        int refused = 0;
        int failed = 0;
        for (int i = 0; i < IMAGES; i++) {
            byte[][] made = chain.clone();
            int part = random.nextInt(3) == 0 ? 0 : 1;
            made[part] = damaged(chain[part], random);
            String actual = read(made);
            if (actual == null) {
                refused++;
            } else {
                assertNoWrongByte(expected, actual, "seed " + seed + ", image " + i);
                failed += actual.equals(expected) ? 0 : 1;
            }
        }
        assertEquals(frames, frames());
        assertTrue(refused > IMAGES / 8 && failed > IMAGES / 16, "seed " + seed + ": " + refused + ", " + failed);
    }

    private long frames() throws InterruptedException {
        fixture.machine.awaitQuiescence();
        return fixture.frames();
    }

    @Test
    @DisplayName("is refused if any bit outside of its pages is wrong, also of an increment")
    void everyBit() throws IOException {
        byte[][] chain = savedTwice();
        assertEveryBitCounts(chain[0], chain[0]);
        assertEveryBitCounts(chain[1], chain);
        assertEveryBitCounts(chain[0], chain);
    }

    private void assertEveryBitCounts(byte[] image, byte[]... chain) throws IOException {
        int table = image.length
                - TRAILER
                - (int) ByteBuffer.wrap(image)
                        .order(ByteOrder.LITTLE_ENDIAN)
                        .getLong(image.length - TRAILER + Long.BYTES);
        for (int at = 0; at < image.length; at = at == HEAD - 1 ? table : at + 1) {
            int byteAt = at;
            image[at] ^= (byte) (1 << at % 8);
            assertThrows(IOException.class, () -> open(fixture.machine, chain), () -> "byte " + byteAt);
            image[at] ^= (byte) (1 << at % 8);
        }
        open(fixture.machine, chain).close();
    }

    /** Puts the right checksum under a damaged table of contents. */
    private static byte[] resummed(byte[] image) {
        ByteBuffer bytes = ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN);
        int trailer = image.length - TRAILER;
        int table = HEAD + (int) bytes.getLong(trailer);
        CRC32C covered = new CRC32C();
        covered.update(image, 0, HEAD);
        covered.update(image, table, trailer + 20 - table);
        bytes.putInt(trailer + 20, (int) covered.getValue());
        return image;
    }

    @Test
    @DisplayName("with the right checksum is refused, or loaded as what it says, also an increment")
    void forged() throws Exception {
        byte[][] chain = savedTwice();
        assertForgedAtRandom(saved(), new byte[1][], 0);
        assertForgedAtRandom(chain[1], chain.clone(), 1);
        assertForgedAtRandom(chain[0], chain.clone(), 0);
    }

    private void assertForgedAtRandom(byte[] image, byte[][] chain, int part) throws Exception {
        long seed = Long.getLong("samara.seed", System.nanoTime());
        SplittableRandom random = new SplittableRandom(seed);
        int table = HEAD
                + (int) ByteBuffer.wrap(image).order(ByteOrder.LITTLE_ENDIAN).getLong(image.length - TRAILER);
        int refused = 0;
        long frames = frames();
        for (int i = 0; i < IMAGES; i++) {
            byte[] made = image.clone();
            int changes = 1 + random.nextInt(2);
            for (int change = 0; change < changes; change++) {
                boolean isInHead = random.nextInt(20) == 0;
                int at = isInHead ? random.nextInt(64) : table + random.nextInt(image.length - TRAILER - table);
                made[at] =
                        random.nextBoolean() ? (byte) random.nextInt() : (byte) (made[at] ^ (1 << random.nextInt(8)));
            }
            chain[part] = resummed(made);
            try (SpaceImage opened = open(fixture.machine, chain);
                    AddressSpace loaded = load(opened, fixture.machine)) {
                loaded.validate();
            } catch (IOException | MmException | IllegalArgumentException known) {
                refused++;
            } catch (RuntimeException | Error unknown) {
                throw new AssertionError("seed " + seed + ", image " + i, unknown);
            }
        }
        assertEquals(frames, frames());
        assertTrue(refused > IMAGES / 8, "seed " + seed);
    }

    /** The table of contents of {@link #saved}: geometry and heap take 64 bytes, then come 3 mappings. */
    private static final int MAPPINGS = 3 * 4 + 3 * 8 + 4 + 3 * 8;

    private static final int MAPPING = 4 * 8 + 4;
    private static final int RUNS = MAPPINGS + 4 + 3 * MAPPING;
    private static final int GUARDS = RUNS + 4 + 4 * 16;
    private static final int SECTIONS = GUARDS + 4 + 16;
    private static final int BLOCKS = SECTIONS + 4 + 4 + 9 + 4 + 3;

    private void assertForged(byte[] image, String why, Consumer<ByteBuffer> change) {
        byte[] made = image.clone();
        ByteBuffer bytes = ByteBuffer.wrap(made).order(ByteOrder.LITTLE_ENDIAN);
        int table = HEAD + (int) bytes.getLong(image.length - TRAILER);
        change.accept(bytes.slice(table, image.length - table).order(ByteOrder.LITTLE_ENDIAN));
        String message = assertThrows(IOException.class, () -> open(fixture.machine, resummed(made)), why)
                .getMessage();
        assertTrue(String.valueOf(message).contains(why), message);
    }

    @Test
    @DisplayName("is refused for each number that does not fit, whatever its checksum")
    void bounds() throws IOException {
        byte[] image = saved();
        byte[] later = image.clone();
        later[Long.BYTES]++;
        String message = String.valueOf(assertThrows(IOException.class, () -> open(fixture.machine, later))
                .getMessage());
        assertTrue(message.contains("its version is 2, not 1"), message);
        assertForged(image, "geometry", table -> table.putInt(0, 40));
        assertForged(image, "geometry", table -> table.putInt(4, 0));
        assertForged(image, "geometry", table -> table.putLong(28, -1));
        assertForged(image, "geometry", table -> table.putInt(36, 8));
        assertForged(image, "of a space with", table -> table.putInt(36, 0));
        assertForged(image, "heap", table -> table.putLong(48, 1L << 60));
        assertForged(image, "heap", table -> table.putLong(40, -1));
        for (int count : new int[] {MAPPINGS, RUNS, GUARDS, SECTIONS, SECTIONS + 4, BLOCKS}) {
            assertForged(image, "negative", table -> table.putInt(count, -1));
            assertForged(image, "ends early", table -> table.putInt(count, Integer.MAX_VALUE));
            assertForged(image, "ends early", table -> table.putInt(count, Integer.MAX_VALUE / 16));
        }
        int first = MAPPINGS + 4;
        assertForged(image, "a mapping is not", table -> table.putLong(first, AT + 1));
        assertForged(image, "a mapping is not", table -> table.putLong(first, AT + 40 * PAGE));
        assertForged(image, "a mapping is not", table -> table.putLong(first + 8, AT + 41 * PAGE));
        assertForged(image, "a mapping is not", table -> table.putLong(first + 8, -PAGE));
        assertForged(image, "attributes", table -> table.putLong(first + 16, VmaFlags.SHARED));
        assertForged(image, "attributes", table -> table.putLong(first + 16, VmaFlags.WRITE));
        assertForged(image, "attributes", table -> table.putLong(first + 16, 1L << 62));
        assertForged(
                image,
                "without content",
                table -> table.putLong(first + 16, table.getLong(first + 16) | VmaFlags.WIPEONFORK));
        int run = RUNS + 4;
        assertForged(image, "a run of pages is not", table -> table.putLong(run, AT + 8));
        assertForged(image, "a run of pages is not", table -> table.putLong(run + 8, AT));
        assertForged(image, "a run of pages is not", table -> table.putLong(run + 8, AT + 30 * PAGE));
        assertForged(image, "outside the mappings", table -> table.putLong(run, AT - PAGE));
        assertForged(image, "outside the mappings", table -> table.putLong(run + 3 * 16, AT + 48 * PAGE));
        assertForged(image, "outside the mappings", table -> table.putLong(run + 3 * 16 + 8, AT + 54 * PAGE));
        assertForged(image, "more pages", table -> table.putLong(run + 3 * 16, AT + 50 * PAGE));
        assertForged(image, "fewer pages", table -> table.putLong(run + 8, AT + 19 * PAGE));
        assertForged(image, "a guard is at", table -> table.putLong(GUARDS + 4, AT + 51 * PAGE));
        assertForged(image, "outside the mappings", table -> table.putLong(GUARDS + 12, AT + 54 * PAGE));
        assertForged(image, "not text", table -> table.put(SECTIONS + 8, (byte) 0xff));
        assertForged(image, "number of blocks", table -> table.putInt(BLOCKS, 1));
        assertForged(image, "trailer is damaged", table -> table.putInt(BLOCKS + 16 + 16, 2));
        assertForged(image, "not as long", table -> table.putLong(BLOCKS + 16 + 8, Long.MAX_VALUE));
        assertForged(image, "not as long", table -> table.putLong(BLOCKS + 16 + 8, -1));
        assertForged(image, "does not end", table -> table.putLong(BLOCKS + 16 + 24, 1));
    }

    private void assertForgedPart(byte[][] chain, int part, String why, Consumer<ByteBuffer> change) {
        byte[][] made = chain.clone();
        made[part] = chain[part].clone();
        change.accept(ByteBuffer.wrap(made[part]).order(ByteOrder.LITTLE_ENDIAN));
        byte[] unused = resummed(made[part]);
        String message = assertThrows(IOException.class, () -> open(fixture.machine, made), why)
                .getMessage();
        assertTrue(String.valueOf(message).contains(why), message);
    }

    @Test
    @DisplayName("of a base and an increment is refused for each number that does not fit, whatever its checksum")
    void boundsOfTwo() throws IOException {
        byte[][] chain = savedTwice();
        int table = HEAD
                + (int) ByteBuffer.wrap(chain[1]).order(ByteOrder.LITTLE_ENDIAN).getLong(chain[1].length - TRAILER);
        int runs = table + MAPPINGS + 4 + 4 * MAPPING;
        int guards = runs + 4 + 2 * 16;
        int changed = guards + 4 + 16;
        assertForgedPart(chain, 0, "another base", bytes -> bytes.putLong(16, 5));
        assertForgedPart(chain, 0, "no identity", bytes -> bytes.putLong(16, 0).putLong(24, 0));
        assertForgedPart(chain, 0, "no identity", bytes -> bytes.putLong(48, 0).putLong(56, 0));
        assertForgedPart(chain, 0, "", bytes -> bytes.putLong(32, 5));
        assertForgedPart(chain, 1, "another base", bytes -> bytes.putLong(40, 5));
        assertForgedPart(chain, 1, "", bytes -> bytes.putLong(32, 0).putLong(40, 0));
        assertForgedPart(chain, 1, "its head is damaged", bytes -> bytes.putLong(64, 5));
        assertForgedPart(
                chain,
                1,
                "not one that changed",
                bytes -> bytes.putLong(runs + 4, AT + 4 * PAGE).putLong(runs + 12, AT + 5 * PAGE));
        assertForgedPart(
                chain,
                1,
                "not one that changed",
                bytes -> bytes.putLong(guards + 4, AT + 31 * PAGE).putLong(guards + 12, AT + 32 * PAGE));
        assertForgedPart(
                chain,
                1,
                "not one that changed",
                bytes -> bytes.putLong(changed + 4, AT + 4 * PAGE).putLong(changed + 12, AT + 5 * PAGE));
        assertForgedPart(chain, 1, "outside the mappings", bytes -> bytes.putLong(changed + 60, AT + 63 * PAGE));
        assertForgedPart(chain, 1, "a run of pages is not", bytes -> bytes.putLong(changed + 20, AT));
        assertForgedPart(chain, 1, "negative", bytes -> bytes.putInt(changed, -1));
        assertForgedPart(chain, 1, "ends early", bytes -> bytes.putInt(changed, Integer.MAX_VALUE));
        // The page of the base in the second mapping is not listed as changed.
        int flags = table + MAPPINGS + 4 + MAPPING + 16;
        assertForgedPart(
                chain,
                1,
                "a mapping without content has pages",
                bytes -> bytes.putLong(flags, bytes.getLong(flags) | VmaFlags.WIPEONFORK));
    }

    @Test
    @DisplayName("of a base and an increment is read with the checksums of each")
    void blocksOfTwo() throws IOException {
        byte[][] chain = savedTwice();
        for (int part = 0; part < 2; part++) {
            chain[part][HEAD + 5000 * (1 - part)] ^= 4;
            try (SpaceImage opened = open(fixture.machine, chain)) {
                String message = String.valueOf(
                        assertThrows(IOException.class, opened::verify).getMessage());
                assertTrue(message.contains("the checksum of block 0 of image" + part), message);
                assertThrows(IOException.class, () -> opened.copy(fixture.machine.space(GEOMETRY)));
            }
            chain[part][HEAD + 5000 * (1 - part)] ^= 4;
        }
    }

    @Test
    @DisplayName("fails an access to a damaged block with a bus fault, reports it, and leaves other blocks readable")
    void busFault() throws IOException {
        byte[] image = saved();
        image[HEAD + BLOCK + 5000] ^= 4;
        try (SpaceImage opened = open(fixture.machine, image);
                AddressSpace loaded = load(opened, fixture.machine)) {
            fixture.cpu.switchTo(loaded);
            assertEquals(1, fixture.load(AT));
            assertEquals(List.of(), fixture.reports);
            for (int page = 16; page < 20; page++) {
                assertEquals(Fault.ADRERR, fixture.memory.load(AT + page * PAGE, 8));
            }
            assertEquals(Report.Kind.CALLBACK_FAILED, fixture.reports.get(0).kind());
            assertEquals(39, fixture.load(AT + 38 * PAGE));
            fixture.cpu.switchTo(space);
            assertThrows(IOException.class, opened::verify);
            assertThrows(IOException.class, () -> opened.copy(fixture.machine.space(GEOMETRY)));
        }
    }
}
