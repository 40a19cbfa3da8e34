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
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Checkpoint;
import dev.samara.core.Guest;
import dev.samara.core.Machine;
import dev.samara.core.PageTableRef;
import dev.samara.core.SpaceImage;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.Await;
import dev.samara.core.fixture.Latches;
import dev.samara.core.fixture.OneThread;
import dev.samara.core.fixture.SpaceFixture;
import dev.samara.core.internal.page.HookedFrames;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.Vma;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(OneThread.class)
@DisplayName("An increment of an image")
final class IncrementTest {
    private static final long AT = 0x10_0000_0000L;
    private static final int PAGES = 48;

    private final SpaceFixture fixture = new SpaceFixture();
    private final AddressSpace space = fixture.space;

    private final MemoryFile file = fixture.file(8);

    @AfterEach
    void leavesNothing() {
        file.close();
        fixture.closeEmpty();
        assertEquals(List.of(), fixture.reports);
    }

    /** Maps pages, and stores to each. */
    private void fill(long at, int pages) {
        assertEquals(at, fixture.map(at, pages, RW, ANONYMOUS | Mman.FIXED, null, 0));
        for (int page = 0; page < pages; page++) {
            fixture.store(at + page * PAGE, page + 1);
        }
    }

    private String openAndDescribe(byte[]... chain) throws IOException {
        try (SpaceImage image = open(fixture.machine, chain);
                AddressSpace loaded = load(image, fixture.machine);
                AddressSpace copied = image.copy(fixture.machine.space(GEOMETRY))) {
            image.verify();
            loaded.validate();
            copied.validate();
            String mapped = describe(loaded);
            assertEquals(unnamed(mapped), unnamed(describe(copied)));
            return describe(copied);
        }
    }

    private static String unnamed(String described) {
        return described.replaceAll(" \\[anon:[a-z]*]", " null");
    }

    private String child() {
        return child(space);
    }

    private static String child(AddressSpace of) {
        try (AddressSpace child = of.fork()) {
            return describe(child);
        }
    }

    @Test
    @DisplayName("has the pages that changed, and opens with its base as the whole image of its instant")
    void contract() throws IOException {
        fill(AT, PAGES);
        try (Checkpoint first = space.checkpoint()) {
            byte[] base = save(first);
            String before = child();
            fixture.store(AT + 3 * PAGE, 77);
            fixture.store(AT + 4 * PAGE, 78);
            assertEquals(0, space.madvise(AT + 9 * PAGE, PAGE, Mman.DONTNEED));
            assertEquals(0, space.munmap(AT + 11 * PAGE, PAGE));
            assertEquals(0, space.madvise(AT + 13 * PAGE, PAGE, Mman.GUARD_INSTALL));
            assertEquals(0, space.mprotect(AT + 20 * PAGE, 2 * PAGE, READ));
            assertEquals(0, space.setAnonymousName(AT + 25 * PAGE, 2 * PAGE, "pool"));
            fill(AT + PAGES * PAGE, 2);
            String after = child();
            try (Checkpoint second = space.checkpoint()) {
                byte[] increment = saveSince(first, second, Map.of("registers", new byte[] {1, 2}));
                assertTrue(increment.length < 4096 + 5 * PAGE, increment.length + " bytes");
                assertEquals(before, openAndDescribe(base));
                assertEquals(after, openAndDescribe(base, increment));
                assertEquals(after, openAndDescribe(save(second)));
                try (SpaceImage image = open(fixture.machine, base, increment)) {
                    assertArrayEquals(new byte[] {1, 2}, image.section("registers"));
                }
                try (SpaceImage image = open(fixture.machine, base)) {
                    assertNull(image.section("registers"));
                }
            }
        }
    }

    @Test
    @DisplayName("can be the base of the next one, whose older checkpoints may be closed")
    void chain() throws IOException {
        fill(AT, PAGES);
        List<byte[]> chain = new ArrayList<>();
        Checkpoint last = space.checkpoint();
        chain.add(save(last));
        for (int i = 0; i < 20; i++) {
            fixture.store(AT + i * PAGE, 100 + i);
            fixture.store(AT + 30 * PAGE, i);
            assertEquals(0, space.madvise(AT + (25 + i % 3) * PAGE, PAGE, Mman.DONTNEED));
            Checkpoint next = space.checkpoint();
            chain.add(saveSince(last, next, Map.of()));
            last.close();
            last = next;
            assertEquals(child(), openAndDescribe(chain.toArray(byte[][]::new)));
        }
        // The size of an increment does not grow with the chain.
        assertTrue(chain.get(20).length < 4096 + 4 * PAGE);
        last.close();
    }

    @Test
    @DisplayName("is read again by spaces that were loaded, from each of its files, also after the image was closed")
    void loaded() throws IOException {
        fill(AT, PAGES);
        try (Checkpoint first = space.checkpoint()) {
            byte[] base = save(first);
            fixture.store(AT + 5 * PAGE, 55);
            try (Checkpoint second = space.checkpoint()) {
                byte[] increment = saveSince(first, second, Map.of());
                SpaceImage image = open(fixture.machine, base, increment);
                try (AddressSpace one = load(image, fixture.machine)) {
                    image.close();
                    assertEquals(5, number(one, AT + 4 * PAGE));
                    assertEquals(55, number(one, AT + 5 * PAGE));
                    assertEquals(7, number(one, AT + 6 * PAGE));
                    assertEquals(1, one.usage().maps());
                }
            }
        }
    }

    private static long number(AddressSpace of, long address) {
        ByteBuffer word = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
        assertEquals(8, of.read(address, word));
        return word.getLong(0);
    }

    @Test
    @DisplayName("has the instant of its checkpoint, whatever happens during the save")
    void laterChanges() throws IOException {
        // More pages than the writer's buffer holds, so that most are read after the first write.
        int pages = 600;
        fill(AT, pages);
        long mapped = fixture.map(0, 8, RW, Mman.PRIVATE, file.open(), 0);
        try (Checkpoint first = space.checkpoint()) {
            byte[] base = save(first);
            for (int page = 0; page < pages; page += 2) {
                fixture.store(AT + page * PAGE, -page);
            }
            fixture.store(mapped, 1);
            assertEquals(0, space.mprotect(AT + 100 * PAGE, PAGE, READ));
            String expected = child();
            try (Checkpoint second = space.checkpoint()) {
                int[] writes = {0};
                ByteArrayOutputStream bytes = new ByteArrayOutputStream();
                WritableByteChannel channel = during(bytes, () -> {
                    writes[0]++;
                    for (int page = 0; page < pages; page += 3) {
                        int unused = fixture.memory.store(AT + page * PAGE + 8, 8, 99);
                    }
                    long from = AT + (200 + writes[0] * 40L) * PAGE;
                    long unused = space.madvise(from, 5 * PAGE, Mman.DONTNEED);
                    unused += space.munmap(from + 6 * PAGE, 5 * PAGE);
                    unused += space.madvise(from + 12 * PAGE, 5 * PAGE, Mman.GUARD_INSTALL);
                    // Younger checkpoints come and go during the save.
                    try (Checkpoint younger = space.checkpoint()) {
                        fixture.store(AT + 8, younger.number());
                    }
                });
                second.saveSince(first, channel, Map.of());
                assertTrue(writes[0] > 3, writes[0] + " writes");
                assertEquals(expected, openAndDescribe(base, bytes.toByteArray()));
                bytes.reset();
                writes[0] = 0;
                second.save(channel, Map.of());
                assertEquals(expected, openAndDescribe(bytes.toByteArray()));
            }
        }
    }

    @Test
    @DisplayName("holds no lock while a store of frames reads a page, whose content stays that of its instant")
    void heldRead() throws Exception {
        HookedFrames[] made = new HookedFrames[1];
        SpaceFixture held = new SpaceFixture(Machine.builder().memory(1 << 20).frameStore((shift, count) -> {
            made[0] = new HookedFrames(shift, count);
            return made[0];
        }));
        long at = held.anonymous(2);
        held.store(at, 1);
        held.store(at + PAGE, 1);
        try (Checkpoint first = held.space.checkpoint()) {
            held.store(at + PAGE, 2);
            // The first page that is read has no record, the other one has.
            for (int read = 0; read < 2; read++) {
                HookedFrames.Hold hold = made[0].holdNextRead();
                FutureTask<byte[]> saved = new FutureTask<>(() -> save(first));
                new Thread(saved, "saving").start();
                Latches.await(hold.reached);
                held.store(at, 3 + read);
                assertEquals(0, held.space.madvise(at, 2 * PAGE, Mman.DONTNEED));
                held.store(at + PAGE, 5);
                hold.released.countDown();
                byte[] image = Await.result("the save", saved, held.reports);
                try (SpaceImage opened = open(fixture.machine, image);
                        AddressSpace loaded = load(opened, fixture.machine)) {
                    assertEquals(1, number(loaded, at));
                    assertEquals(1, number(loaded, at + PAGE));
                }
            }
        }
        held.closeEmpty();
    }

    private static WritableByteChannel during(ByteArrayOutputStream bytes, Runnable each) {
        WritableByteChannel to = Channels.newChannel(bytes);
        return new WritableByteChannel() {
            @Override
            public int write(ByteBuffer source) throws IOException {
                each.run();
                return to.write(source);
            }

            @Override
            public boolean isOpen() {
                return true;
            }

            @Override
            public void close() {}
        };
    }

    @Test
    @DisplayName("is of one instant, while a guest stores")
    void storesBesideTheSave() throws Exception {
        long at = fixture.anonymous(64);
        AtomicBoolean isEnding = new AtomicBoolean();
        FutureTask<Void> guest = new FutureTask<>(
                () -> {
                    try (Guest entered = space.enter()) {
                        for (long round = 1; !isEnding.get(); round++) {
                            for (int page = 0; page < 64; page++) {
                                assertEquals(0, entered.memory().store(at + page * PAGE, 8, round));
                                entered.poll();
                            }
                        }
                    }
                },
                null);
        Thread thread = new Thread(guest);
        thread.start();
        Checkpoint last = space.checkpoint();
        try {
            List<byte[]> chain = new ArrayList<>(List.of(save(last)));
            for (int i = 0; i < 40; i++) {
                Checkpoint next = space.checkpoint();
                chain.add(saveSince(last, next, Map.of()));
                last.close();
                last = next;
                assertIsOfOneInstant(at, chain.toArray(byte[][]::new));
                assertIsOfOneInstant(at, save(next));
            }
        } finally {
            isEnding.set(true);
            guest.get();
            last.close();
        }
    }

    private void assertIsOfOneInstant(long at, byte[]... chain) throws IOException {
        try (SpaceImage image = open(fixture.machine, chain);
                AddressSpace loaded = load(image, fixture.machine)) {
            long first = number(loaded, at);
            long last = first;
            for (int page = 1; page < 64; page++) {
                long now = number(loaded, at + page * PAGE);
                assertTrue(now == last || (now == first - 1 && last == first), first + ", " + last + ", " + now);
                last = now;
            }
        }
    }

    /** One saved checkpoint: the files that open as its image, and what they must contain. */
    private record Saved(Checkpoint checkpoint, List<byte[]> chain, String expected) {}

    /** Returns whether all mappings of a range are anonymous. Mapped files with a name are not saved. */
    private static boolean isAnonymous(AddressSpace of, long from, long to) {
        for (Vma vma = of.findNext(from); vma != null && vma.start() < to; vma = of.findNext(vma.end())) {
            if (vma.backing() != null) {
                return false;
            }
        }
        return true;
    }

    private void change(AddressSpace of, SplittableRandom random) {
        int page = random.nextInt(PAGES);
        int count = 1 + random.nextInt(Math.min(6, PAGES - page));
        long at = AT + page * PAGE;
        long length = count * PAGE;
        // Refusals by the kinds of the mappings are part of the script.
        long unused = switch (random.nextInt(18)) {
            case 0 -> of.mmap(at, length, RW, ANONYMOUS | Mman.FIXED, null, 0);
            case 1 -> of.mmap(at, length, RW, Mman.PRIVATE | Mman.FIXED, file.open(), random.nextInt(2));
            case 2 -> of.munmap(at, length);
            case 3 -> of.mprotect(at, length, READ);
            case 4, 5 -> of.mprotect(at, length, RW);
            case 6 -> of.madvise(at, length, Mman.DONTNEED);
            case 7 -> of.madvise(at, length, Mman.GUARD_INSTALL);
            case 8 -> of.madvise(at, length, Mman.GUARD_REMOVE);
            case 9 -> of.madvise(at, length, random.nextBoolean() ? Mman.WIPEONFORK : Mman.KEEPONFORK);
            case 10 -> of.madvise(at, length, random.nextBoolean() ? Mman.DONTFORK : Mman.DOFORK);
            case 11 -> {
                long target = AT + random.nextInt(PAGES - 6) * PAGE;
                yield of.mremap(at, length, length, Mman.MAYMOVE | Mman.MREMAP_FIXED, target);
            }
            case 12 -> of.brk(of.brk(0) + (random.nextInt(5) - 2) * PAGE);
            case 13 -> of.writeForced(at, new byte[(int) PAGE], 0, (int) PAGE);
            case 14 ->
                isAnonymous(of, at, at + length)
                        ? of.setAnonymousName(at, length, random.nextInt(3) == 0 ? null : "pool")
                        : 0;
            default -> 0;
        };
        for (int i = 0; i < 3; i++) {
            fixture.memory.store(AT + random.nextInt(PAGES) * PAGE + random.nextInt(500) * 8L, 8, random.nextLong());
        }
        fixture.memory.store(of.brk(0) - PAGE, 8, random.nextLong());
    }

    /** An image of which the space of a script was loaded, and its files. */
    private record Origin(SpaceImage image, List<byte[]> chain) {}

    /** Saves the present state, as a whole or as an increment, after further changes; checks what opens. */
    private Saved saved(AddressSpace of, @Nullable Origin origin, List<Saved> open, SplittableRandom random)
            throws IOException {
        Checkpoint checkpoint = of.checkpoint();
        String expected = child(of);
        for (int i = random.nextInt(8); i > 0; i--) {
            change(of, random);
        }
        List<byte[]> chain = new ArrayList<>();
        if (origin != null && (open.isEmpty() || random.nextInt(4) == 0)) {
            chain.addAll(origin.chain);
            chain.add(saveSince(origin.image, checkpoint));
        } else if (open.isEmpty() || random.nextInt(8) == 0) {
            chain.add(save(checkpoint));
        } else {
            Saved base = open.get(Math.max(open.size() - 1 - random.nextInt(4), 0));
            chain.addAll(base.chain);
            chain.add(saveSince(base.checkpoint, checkpoint, Map.of()));
        }
        assertEquals(lasting(expected), lasting(openAndDescribe(chain.toArray(byte[][]::new))));
        return new Saved(checkpoint, chain, expected);
    }

    @ParameterizedTest(name = "loaded {0}")
    @ValueSource(booleans = {false, true})
    @DisplayName("has each byte and mapping of its instant, in a random script of changes, saves and restores")
    void random(boolean isLoaded) throws IOException {
        for (int round = Integer.getInteger("samara.increments", 4); round > 0; round--) {
            long seed = Long.getLong("samara.seed", System.nanoTime());
            try {
                script(isLoaded, new SplittableRandom(seed));
            } catch (AssertionError | RuntimeException failed) {
                throw new AssertionError("seed " + seed, failed);
            }
        }
    }

    /** Leaves out the mark of guards, which a restore does not take away. */
    private static String lasting(String described) {
        return described.replace(" gu", "");
    }

    private void script(boolean isLoaded, SplittableRandom random) throws IOException {
        AddressSpace run = fixture.machine.newSpace(GEOMETRY);
        fixture.cpu.switchTo(run);
        assertEquals(AT, run.mmap(AT, PAGES * PAGE, RW, ANONYMOUS | Mman.FIXED, null, 0));
        for (int i = 0; i < 30; i++) {
            change(run, random);
        }
        Origin origin = null;
        if (isLoaded) {
            origin = originOf(List.of(save(run)));
            run = loadAfter(run, origin);
        }
        List<Saved> open = new ArrayList<>();
        for (int step = 0; step < 150; step++) {
            change(run, random);
            if (random.nextInt(6) == 0) {
                open.add(saved(run, origin, open, random));
            }
            if (origin != null && !open.isEmpty() && random.nextInt(30) == 0) {
                // Goes on in another space of one of the chains.
                List<byte[]> chain = open.get(random.nextInt(open.size())).chain;
                open.forEach(saved -> saved.checkpoint.close());
                open.clear();
                origin.image.close();
                origin = originOf(chain);
                run = loadAfter(run, origin);
            }
            if (!open.isEmpty() && random.nextInt(20) == 0) {
                int chosen = random.nextInt(open.size());
                open.get(chosen).checkpoint.restore();
                open.subList(chosen + 1, open.size()).clear();
                assertEquals(lasting(open.get(chosen).expected), lasting(child(run)));
            }
            if (open.size() > 1 && random.nextInt(8) == 0) {
                open.remove(random.nextInt(open.size())).checkpoint.close();
            }
            if (!open.isEmpty() && random.nextInt(20) == 0) {
                // Of the same instant, whatever changed since.
                Saved again = open.get(random.nextInt(open.size()));
                assertEquals(lasting(again.expected), lasting(openAndDescribe(save(again.checkpoint))));
            }
        }
        open.forEach(saved -> saved.checkpoint.close());
        fixture.cpu.switchTo(space);
        run.close();
        if (origin != null) {
            origin.image.close();
        }
    }

    private Origin originOf(List<byte[]> chain) throws IOException {
        return new Origin(open(fixture.machine, chain.toArray(byte[][]::new)), chain);
    }

    /** Loads a space in place of another one. */
    private AddressSpace loadAfter(AddressSpace before, Origin origin) throws IOException {
        AddressSpace loaded = load(origin.image, fixture.machine);
        fixture.cpu.switchTo(loaded);
        before.close();
        return loaded;
    }

    @Test
    @DisplayName(
            "has the content of mappings whose advice, file or place changed, and of the instant of each checkpoint")
    void kinds() throws IOException {
        fill(AT, PAGES);
        assertEquals(0, space.madvise(AT, 2 * PAGE, Mman.WIPEONFORK));
        assertEquals(0, space.madvise(AT + 4 * PAGE, 2 * PAGE, Mman.DONTFORK));
        fixture.map(AT + 8 * PAGE, 2, RW, Mman.PRIVATE | Mman.FIXED, file.open(), 0);
        long moved = AT + 100 * PAGE;
        String before = child();
        try (Checkpoint first = space.checkpoint()) {
            byte[] base = save(first);
            assertEquals(0, space.madvise(AT, PAGE, Mman.KEEPONFORK));
            assertEquals(0, space.madvise(AT + 4 * PAGE, PAGE, Mman.DOFORK));
            assertEquals(0, space.madvise(AT + 6 * PAGE, PAGE, Mman.WIPEONFORK));
            fixture.map(AT + 8 * PAGE, 1, RW, ANONYMOUS | Mman.FIXED, null, 0);
            fixture.map(AT + 12 * PAGE, 2, RW, Mman.PRIVATE | Mman.FIXED, file.open(), 2);
            int flags = Mman.MAYMOVE | Mman.MREMAP_FIXED;
            assertEquals(moved, space.mremap(AT + 20 * PAGE, 2 * PAGE, 2 * PAGE, flags, moved));
            String between = child();
            try (Checkpoint second = space.checkpoint()) {
                assertEquals(0, space.madvise(AT + 30 * PAGE, 2 * PAGE, Mman.DONTNEED));
                fixture.store(AT + 33 * PAGE, 99);
                String after = child();
                try (Checkpoint third = space.checkpoint()) {
                    fixture.store(AT + 33 * PAGE, 100);
                    assertEquals(0, space.munmap(AT + 40 * PAGE, 2 * PAGE));
                    byte[] increment = saveSince(first, second, Map.of());
                    byte[] last = saveSince(second, third, Map.of());
                    byte[] both = saveSince(first, third, Map.of());
                    assertEquals(before, openAndDescribe(base));
                    assertEquals(before, openAndDescribe(save(first)));
                    assertEquals(between, openAndDescribe(base, increment));
                    assertEquals(between, openAndDescribe(save(second)));
                    assertEquals(after, openAndDescribe(base, increment, last));
                    assertEquals(after, openAndDescribe(base, both));
                    assertEquals(after, openAndDescribe(save(third)));
                }
            }
        }
    }

    @Test
    @DisplayName("has what a stack gained by growth")
    void stack() throws IOException {
        fixture.map(0x7000_0000_0000L, 3, RW, ANONYMOUS | Mman.FIXED | Mman.GROWSDOWN, null, 0);
        fixture.store(0x7000_0000_2000L, 5);
        try (Checkpoint first = space.checkpoint()) {
            byte[] base = save(first);
            fixture.store(0x6fff_ffff_f000L, 6);
            try (Checkpoint second = space.checkpoint()) {
                byte[] increment = saveSince(first, second, Map.of());
                assertEquals(child(), openAndDescribe(base, increment));
            }
        }
    }

    @Test
    @DisplayName("of an image that was loaded has no page that was only read, and those that were dropped again")
    void ofALoadedSpace() throws IOException {
        fill(AT, PAGES);
        try (SpaceImage image = open(fixture.machine, save(space));
                AddressSpace loaded = load(image, fixture.machine)) {
            fixture.cpu.switchTo(loaded);
            fixture.store(AT + 2 * PAGE, 22);
            try (Checkpoint first = loaded.checkpoint()) {
                byte[] base = save(first);
                describe(loaded);
                fixture.store(AT + 7 * PAGE, 77);
                assertEquals(0, loaded.madvise(AT + 2 * PAGE, PAGE, Mman.DONTNEED));
                try (Checkpoint second = loaded.checkpoint()) {
                    byte[] increment = saveSince(first, second, Map.of());
                    assertTrue(increment.length < 4096 + 3 * PAGE, increment.length + " bytes");
                    String expected = child(loaded);
                    assertEquals(expected, openAndDescribe(base, increment));
                    assertTrue(expected.contains(String.format("  %x: ", AT + 2 * PAGE)));
                }
            }
            fixture.cpu.switchTo(space);
        }
    }

    @Test
    @DisplayName("of the image of which a space was loaded has what that space wrote, and is a base itself")
    void ofItsImage() throws IOException {
        fill(AT, PAGES);
        assertEquals(0, space.madvise(AT + 40 * PAGE, 2 * PAGE, Mman.GUARD_INSTALL));
        byte[] base = save(space);
        SpaceImage image = open(fixture.machine, base);
        try (AddressSpace loaded = load(image, fixture.machine)) {
            fixture.cpu.switchTo(loaded);
            // It was restored, which leaves no trace.
            try (Checkpoint passing = loaded.checkpoint()) {
                fixture.store(AT + 9 * PAGE, 99);
                passing.restore();
            }
            fixture.store(AT + 2 * PAGE, 22);
            fixture.store(AT + 3 * PAGE, 0);
            fixture.store(AT + 4 * PAGE, 44);
            assertEquals(0, loaded.madvise(AT + 4 * PAGE, PAGE, Mman.DONTNEED));
            assertEquals(0, loaded.madvise(AT + 6 * PAGE, PAGE, Mman.GUARD_INSTALL));
            assertEquals(0, loaded.madvise(AT + 40 * PAGE, PAGE, Mman.GUARD_REMOVE));
            assertEquals(0, loaded.munmap(AT + 10 * PAGE, PAGE));
            fixture.map(AT + 12 * PAGE, 1, RW, ANONYMOUS | Mman.FIXED, null, 0);
            int flags = Mman.MAYMOVE | Mman.MREMAP_FIXED;
            long moved = AT + 100 * PAGE;
            assertEquals(moved, loaded.mremap(AT + 20 * PAGE, 2 * PAGE, 2 * PAGE, flags, moved));
            // To where other pages of the image lay.
            long other = AT + 24 * PAGE;
            assertEquals(other, loaded.mremap(AT + 22 * PAGE, PAGE, PAGE, flags, other));
            assertEquals(0, loaded.mprotect(AT + 30 * PAGE, 2 * PAGE, READ));
            describe(loaded);
            String expected = child(loaded);
            try (Checkpoint first = loaded.checkpoint()) {
                fixture.store(AT + 32 * PAGE, 1);
                image.close();
                byte[] increment = saveSince(image, first);
                assertTrue(increment.length < 4096 + 6 * PAGE, increment.length + " bytes");
                assertEquals(expected, openAndDescribe(base, increment));
                fixture.store(AT + 33 * PAGE, 2);
                try (Checkpoint second = loaded.checkpoint()) {
                    byte[] next = saveSince(first, second, Map.of());
                    assertEquals(child(loaded), openAndDescribe(base, increment, next));
                    // A child of the loaded space, and a space of the chain, are loaded spaces, too.
                    try (AddressSpace child = loaded.fork();
                            Checkpoint third = child.checkpoint()) {
                        assertEquals(child(loaded), openAndDescribe(base, saveSince(image, third)));
                    }
                    assertContinues(base, increment, next);
                }
            }
            fixture.cpu.switchTo(space);
        }
    }

    private void assertContinues(byte[]... chain) throws IOException {
        try (SpaceImage image = open(fixture.machine, chain);
                AddressSpace loaded = load(image, fixture.machine)) {
            String expected = child(loaded);
            byte[] same;
            try (Checkpoint checkpoint = loaded.checkpoint()) {
                same = saveSince(image, checkpoint);
            }
            assertTrue(same.length < 4096 + PAGE, same.length + " bytes");
            byte[][] longer = Arrays.copyOf(chain, chain.length + 1);
            longer[chain.length] = same;
            assertEquals(expected, openAndDescribe(longer));
        }
    }

    @Test
    @DisplayName("of an image is refused if the files could not be opened together")
    void longest() throws IOException {
        fill(AT, 1);
        List<byte[]> chain = new ArrayList<>(List.of(save(space)));
        for (int files = 1; files <= 64; files++) {
            try (SpaceImage image = open(fixture.machine, chain.toArray(byte[][]::new));
                    AddressSpace loaded = load(image, fixture.machine);
                    Checkpoint checkpoint = loaded.checkpoint()) {
                if (files == 64) {
                    assertThrows(IllegalArgumentException.class, () -> saveSince(image, checkpoint));
                } else {
                    chain.add(saveSince(image, checkpoint));
                }
            }
        }
    }

    @Test
    @DisplayName("of an image of which the space was not loaded has all pages, and is refused with another geometry")
    void ofAnotherImage() throws IOException {
        fill(AT, PAGES);
        byte[] base = save(space);
        fixture.store(AT, 5);
        try (SpaceImage image = open(fixture.machine, base);
                AddressSpace copy = image.copy(fixture.machine.space(GEOMETRY));
                Checkpoint ofSpace = space.checkpoint();
                Checkpoint ofCopy = copy.checkpoint()) {
            assertEquals(child(), openAndDescribe(base, saveSince(image, ofSpace)));
            byte[] whole = saveSince(image, ofCopy);
            assertTrue(whole.length > PAGES * PAGE, whole.length + " bytes");
            assertEquals(child(copy), openAndDescribe(base, whole));
            try (AddressSpace loaded = load(image, fixture.machine);
                    SpaceImage again = open(fixture.machine, base);
                    Checkpoint checkpoint = loaded.checkpoint()) {
                // Of another open of the same file.
                assertEquals(child(loaded), openAndDescribe(base, saveSince(again, checkpoint)));
            }
            try (SpaceImage later = open(fixture.machine, save(space));
                    AddressSpace loaded = load(later, fixture.machine);
                    Checkpoint checkpoint = loaded.checkpoint()) {
                // Of an image with other pages at the same place.
                assertEquals(child(loaded), openAndDescribe(base, saveSince(image, checkpoint)));
            }
            try (AddressSpace flat = fixture.machine.newSpace(Geometry.flat(32));
                    Checkpoint other = flat.checkpoint()) {
                assertThrows(IllegalArgumentException.class, () -> saveSince(image, other));
            }
        }
    }

    @Test
    @DisplayName(
            "of an image is refused after another image of the same checkpoint, which may have other bytes of a file")
    void ofAnotherSave() throws IOException {
        fixture.map(AT, 4, RW, Mman.PRIVATE | Mman.FIXED, file.open(), 0);
        fixture.store(AT, 1);
        try (Checkpoint first = space.checkpoint()) {
            byte[] base = save(first);
            assertEquals(1, file.pwrite(new byte[] {9}, 0, 1, PAGE));
            byte[] other = save(first);
            try (SpaceImage image = open(fixture.machine, base);
                    AddressSpace loaded = load(image, fixture.machine);
                    Checkpoint checkpoint = loaded.checkpoint()) {
                byte[] increment = saveSince(image, checkpoint);
                assertEquals(child(loaded), openAndDescribe(base, increment));
                assertThrows(IOException.class, () -> openAndDescribe(other, increment));
            }
            // An increment of the checkpoint has these pages itself.
            try (Checkpoint second = space.checkpoint()) {
                byte[] increment = saveSince(first, second, Map.of());
                assertEquals(child(), openAndDescribe(base, increment));
                assertEquals(child(), openAndDescribe(other, increment));
            }
        }
    }

    @Test
    @DisplayName("of an image has what a stack gained by growth, and what it wrote where it was saved")
    void stackOfAnImage() throws IOException {
        fixture.map(0x7000_0000_0000L, 3, RW, ANONYMOUS | Mman.FIXED | Mman.GROWSDOWN, null, 0);
        fixture.store(0x7000_0000_2000L, 5);
        fixture.store(0x7000_0000_1000L, 6);
        byte[] base = save(space);
        try (SpaceImage image = open(fixture.machine, base);
                AddressSpace loaded = load(image, fixture.machine)) {
            fixture.cpu.switchTo(loaded);
            fixture.store(0x6fff_ffff_f000L, 7);
            fixture.store(0x7000_0000_2008L, 8);
            try (Checkpoint checkpoint = loaded.checkpoint()) {
                byte[] increment = saveSince(image, checkpoint);
                assertTrue(increment.length < 4096 + 3 * PAGE, increment.length + " bytes");
                assertEquals(child(loaded), openAndDescribe(base, increment));
            }
            fixture.cpu.switchTo(space);
        }
    }

    @Test
    @DisplayName("is refused after another base, without one, and as a base that is none")
    void wrongBase() throws IOException {
        fill(AT, 4);
        byte[] other = save(space);
        try (Checkpoint first = space.checkpoint();
                Checkpoint second = space.checkpoint()) {
            byte[] one = save(first);
            byte[] two = save(second);
            fixture.store(AT, 2);
            try (Checkpoint third = space.checkpoint()) {
                byte[] increment = saveSince(second, third, Map.of());
                assertEquals(child(), openAndDescribe(two, increment));
                assertRefused("is an increment, which can only be opened after its base", increment);
                assertRefused("another base", one, increment);
                assertRefused("another base", other, increment);
                assertRefused("another base", two, increment, increment);
                assertRefused("another base", one, two);
                // Another save of the same instant is the same base.
                assertEquals(child(), openAndDescribe(save(second), increment));
                byte[][] many = Stream.concat(
                                Stream.of(two), IntStream.range(0, 64).mapToObj(i -> increment))
                        .toArray(byte[][]::new);
                assertThrows(IllegalArgumentException.class, () -> open(fixture.machine, many));
            }
        }
    }

    private void assertRefused(String why, byte[]... chain) {
        String message = assertThrows(IOException.class, () -> open(fixture.machine, chain))
                .getMessage();
        assertTrue(String.valueOf(message).contains(why), message);
    }

    @Test
    @DisplayName("is not written if a checkpoint is closed, younger, of another space, unsaved, or lost a page")
    void refusals() throws IOException {
        fill(AT, 4);
        Checkpoint first = space.checkpoint();
        Checkpoint second = space.checkpoint();
        assertThrows(IllegalStateException.class, () -> saveSince(first, second, Map.of()));
        byte[] unused = save(first);
        unused = save(second);
        assertThrows(IllegalArgumentException.class, () -> saveSince(second, first, Map.of()));
        assertThrows(IllegalArgumentException.class, () -> saveSince(first, first, Map.of()));
        try (AddressSpace other = fixture.machine.newSpace(GEOMETRY);
                Checkpoint foreign = other.checkpoint()) {
            assertThrows(IllegalArgumentException.class, () -> saveSince(first, foreign, Map.of()));
        }
        Checkpoint third = space.checkpoint();
        first.close();
        assertThrows(IllegalStateException.class, () -> saveSince(first, third, Map.of()));
        assertThrows(IllegalStateException.class, () -> save(first));
        third.close();
        assertThrows(IllegalStateException.class, () -> saveSince(second, third, Map.of()));
        assertThrows(IllegalStateException.class, () -> save(third));
        unused = save(second);
        Thread.currentThread().interrupt();
        assertThrows(InterruptedIOException.class, () -> save(second));
        assertTrue(Thread.interrupted());
        long shared = fixture.map(0, 1, RW, Mman.SHARED | Mman.ANONYMOUS, null, 0);
        try (Checkpoint unsavable = space.checkpoint()) {
            MmException thrown = assertThrows(MmException.class, () -> save(unsavable));
            assertEquals(Errno.EOPNOTSUPP, thrown.errno());
        }
        assertEquals(0, space.munmap(shared, PAGE));
        try (Guest entered = space.enter()) {
            assertThrows(IllegalStateException.class, () -> save(second));
            entered.poll();
        }
        second.close();
    }

    @Test
    @DisplayName("is not written of a space that was reaped, or closed")
    void reaped() throws IOException {
        AddressSpace other = fixture.machine.newSpace(GEOMETRY);
        assertEquals(AT, other.mmap(AT, 4 * PAGE, RW, ANONYMOUS | Mman.FIXED, null, 0));
        assertEquals(8, other.write(AT, new byte[8], 0, 8));
        Checkpoint first = other.checkpoint();
        byte[] unused = save(first);
        try (PageTableRef reference = other.hold()) {
            reference.reap();
            MmException thrown = assertThrows(MmException.class, () -> save(first));
            assertEquals(Errno.ENOMEM, thrown.errno());
        }
        other.close();
        MmException thrown = assertThrows(MmException.class, () -> save(first));
        assertEquals(Errno.ESRCH, thrown.errno());
        first.close();
    }

    @Test
    @DisplayName("is not complete if the space was restored, or a checkpoint closed, during the save")
    void overtaken() throws IOException {
        fill(AT, 200);
        try (Checkpoint oldest = space.checkpoint();
                Checkpoint first = space.checkpoint()) {
            byte[] unused = save(first);
            for (int kind = 0; kind < 5; kind++) {
                for (int page = 0; page < 200; page++) {
                    fixture.store(AT + page * PAGE, 300 + kind);
                }
                Checkpoint second = space.checkpoint();
                Checkpoint younger = space.checkpoint();
                fixture.store(AT + 150 * PAGE, 9);
                Runnable overtakes = switch (kind) {
                    case 0 -> second::restore;
                    case 1 -> younger::restore;
                    case 2 -> first::restore;
                    case 3 -> second::close;
                    default -> younger::close;
                };
                boolean[] isDone = {false};
                ByteArrayOutputStream bytes = new ByteArrayOutputStream();
                WritableByteChannel channel = during(bytes, () -> {
                    if (!isDone[0]) {
                        isDone[0] = true;
                        overtakes.run();
                    }
                });
                if (kind < 4) {
                    assertThrows(IllegalStateException.class, () -> second.saveSince(first, channel, Map.of()));
                    assertThrows(IOException.class, () -> open(fixture.machine, bytes.toByteArray()));
                } else {
                    second.saveSince(first, channel, Map.of());
                }
                younger.close();
                second.close();
            }
            oldest.restore();
        }
    }

    @Test
    @DisplayName("in files is refused when one of them changed")
    void changedFiles(@TempDir Path folder) throws IOException {
        fill(AT, 4);
        Path base = folder.resolve("base");
        Path increment = folder.resolve("increment");
        try (Checkpoint first = space.checkpoint()) {
            Files.write(base, save(first));
            fixture.store(AT, 2);
            try (Checkpoint second = space.checkpoint();
                    FileChannel channel =
                            FileChannel.open(increment, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
                second.saveSince(first, channel, Map.of());
            }
        }
        String expected = child();
        for (Path touched : List.of(base, increment)) {
            try (SpaceImage image = fixture.machine.openImage(base, GEOMETRY, increment)) {
                try (AddressSpace loaded = load(image, fixture.machine)) {
                    assertEquals(expected, describe(loaded));
                }
                byte[] bytes = Files.readAllBytes(touched);
                Files.write(touched, Arrays.copyOf(bytes, bytes.length + 1));
                assertThrows(IOException.class, () -> load(image, fixture.machine));
                Files.write(touched, bytes);
            }
        }
        assertThrows(IOException.class, () -> fixture.machine.openImage(increment, GEOMETRY));
        assertThrows(MmException.class, () -> fixture.machine.openImage(base, GEOMETRY, folder.resolve("none")));
    }
}
