// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.ProcMaps;
import dev.samara.core.backing.MemoryFile;
import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.OpenFile;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * {@code PR_SET_VMA_ANON_NAME}, by {@code set_anon_vma_name} and {@code madvise_vma_behavior} of {@code mm/madvise.c},
 * {@code get_vma_name} of {@code fs/proc/task_mmu.c}, and the kernel's {@code selftests/prctl/set-anon-vma-name-test.c}
 * (Linux 6.18): a kernel that is built without {@code CONFIG_ANON_VMA_NAME} cannot answer. The layout model has the
 * rules by which calls copy and compare names.
 */
@DisplayName("memory without a file can be named")
final class SetAnonVmaNameTest {
    private static final Geometry LINUX = Geometry.LINUX_X86_64;
    private static final long PAGE = CallArguments.PAGE;
    private static final long AT = CallArguments.PLACE;
    private static final int RW = CallArguments.RW;
    private static final int FIXED = CallArguments.ANON | Mman.FIXED;

    private final Machine machine = Machine.builder().memory(1 << 22).build();
    private final AddressSpace space = machine.newSpace(LINUX);

    private static final class Naming extends CallArguments {
        long address = PLACE + PAGE;
        long length = 2 * PAGE;
        String name = "goodname";

        Naming() {
            map(PLACE, 4);
        }

        @Override
        long call(AddressSpace space) {
            return space.setAnonymousName(address, length, name);
        }
    }

    @TestFactory
    @DisplayName("errors")
    List<DynamicTest> errors() {
        return new ErrnoTable<>(Naming::new)
                .row(Errno.EINVAL, "a character that cannot be printed", naming -> naming.name = "badname\1")
                .row(Errno.EINVAL, "not a page boundary", naming -> naming.address++)
                .row(Errno.EINVAL, "the length rounds to 0", naming -> naming.length = -1)
                .row(Errno.EINVAL, "the range wraps", naming -> naming.length = -2 * PAGE)
                .row(Errno.ENOMEM, "nothing there", naming -> naming.address += 16 * PAGE)
                .row(
                        Errno.EBADF,
                        "a file",
                        naming -> naming.before(space ->
                                space.throwing().mmap(AT, 4 * PAGE, RW, Mman.PRIVATE | Mman.FIXED, OpenFiles.A, 0)))
                .row(Errno.EAGAIN, "would make too many mappings", naming -> naming.machine.maxMapCount(1))
                .tests();
    }

    private void map(long page, long pages, int protection) {
        assertEquals(at(page), space.mmap(at(page), pages * PAGE, protection, FIXED, null, 0));
    }

    private void map(long page, long pages, int flags, @Nullable Backing backing) {
        assertEquals(at(page), space.mmap(at(page), pages * PAGE, RW, flags | Mman.FIXED, backing, 0));
    }

    private static long at(long page) {
        return AT + page * PAGE;
    }

    private long name(long page, long pages, @Nullable String name) {
        return space.setAnonymousName(at(page), pages * PAGE, name);
    }

    private String nameAt(long page) {
        Vma vma = space.find(at(page));
        return vma == null ? "none" : String.valueOf(vma.name());
    }

    @Test
    @DisplayName("each character is valid or EINVAL (is_valid_name_char)")
    void characters() {
        map(0, 1, RW);
        StringBuilder valid = new StringBuilder();
        for (char character = 0; character < 0x200; character++) {
            if (name(0, 1, "a" + character) == 0) {
                assertEquals("[anon:a" + character + "]", nameAt(0));
                valid.append(character);
            } else {
                assertEquals(Errno.EINVAL.result(), name(0, 1, "a" + character));
            }
        }
        StringBuilder expected = new StringBuilder();
        for (char character = ' '; character <= '~'; character++) {
            if ("\\`$[]".indexOf(character) < 0) {
                expected.append(character);
            }
        }
        assertEquals(expected.toString(), valid.toString());
    }

    @Test
    @DisplayName("a name has up to 79 characters, or none; null takes it away (strndup_user, ANON_VMA_NAME_MAX_LEN)")
    void lengths() {
        map(0, 1, RW);
        assertEquals(0, name(0, 1, "x".repeat(79)));
        assertEquals("[anon:" + "x".repeat(79) + "]", nameAt(0));
        assertEquals(Errno.EINVAL.result(), name(0, 1, "x".repeat(80)));
        assertEquals(Errno.EINVAL.result(), name(0, 0, "x".repeat(80)), "before the length");
        assertEquals(0, name(0, 1, ""));
        assertEquals("[anon:]", nameAt(0));
        assertEquals(0, name(0, 1, null));
        assertEquals("null", nameAt(0));
    }

    @Test
    @DisplayName("shared memory and a memfd have names, also where they are mapped privately (vma_is_anon_shmem)")
    void shared() {
        map(0, 1, Mman.SHARED | Mman.ANONYMOUS, null);
        map(2, 1, Mman.SHARED, OpenFile.named("/dev/zero").zeroDevice().open());
        MemoryFile file = machine.newFile("/memfd:x (deleted)", 7, LINUX, 4 * PAGE);
        map(4, 1, Mman.SHARED, file.open());
        map(6, 1, Mman.PRIVATE, file.open());
        for (int page = 0; page < 8; page += 2) {
            assertEquals(0, name(page, 1, "x"));
            assertEquals("[anon_shmem:x]", nameAt(page));
        }
        List<String> shown = space.snapshot().maps();
        assertEquals(
                List.of(4, "[anon_shmem:x]"), List.of(shown.size(), shown.get(3).substring(73)));
        assertEquals(0, name(6, 1, null));
        assertEquals("/memfd:x (deleted)", space.snapshot().maps().get(3).substring(73));
        assertEquals("[anon_shmem:x]", String.valueOf(space.find(at(4))).replaceAll(".* (\\S+) \\[rd.*", "$1"));
    }

    @Test
    @DisplayName("memory that was written keeps its pages when a part of it is named, and when names go")
    void pages() {
        MemoryFile file = machine.newFile("/memfd:x (deleted)", 7, LINUX, 4 * PAGE);
        map(0, 4, RW);
        map(4, 4, Mman.SHARED | Mman.ANONYMOUS, null);
        map(8, 4, Mman.PRIVATE, file.open());
        for (int page = 0; page < 12; page++) {
            assertEquals(1, space.write(at(page), new byte[] {(byte) page}, 0, 1));
        }
        long frames = machine.statistics().framesInUse();
        for (String given : new String[] {"x", "y", null}) {
            for (int page = 1; page < 12; page += 4) {
                assertEquals(0, name(page, 2, given));
            }
            byte[] read = new byte[1];
            for (int page = 0; page < 12; page++) {
                assertEquals(1, space.read(at(page), read, 0, 1));
                assertEquals(page, read[0]);
            }
        }
        assertEquals(frames, machine.statistics().framesInUse());
        assertEquals(3, space.usage().maps());
    }

    @ParameterizedTest
    @ValueSource(longs = {VmaFlags.DONTEXPAND, VmaFlags.PFNMAP | VmaFlags.IO | VmaFlags.DONTEXPAND})
    @DisplayName("a special mapping keeps its own name, and is not cut (special_mapping_split)")
    void special(long flags) {
        Vma vdso = VmArea.describe(AT, AT + 2 * PAGE, VmaFlags.READ | flags, AT / PAGE, null, "[vdso]", null);
        Vma unnamed = VmArea.describe(at(4), at(6), VmaFlags.READ | flags, at(4) / PAGE, null, null, null);
        AddressSpace loaded = machine.space(LINUX).load(List.of(vdso, unnamed)).build();
        assertEquals(0, loaded.setAnonymousName(AT, 2 * PAGE, "x"));
        assertEquals(0, loaded.setAnonymousName(AT, PAGE, null));
        assertEquals(Errno.EINVAL.result(), loaded.setAnonymousName(AT, PAGE, "x"));
        assertEquals("[vdso]", loaded.snapshot().maps().get(0).substring(73));
        assertEquals(0, loaded.setAnonymousName(at(4), PAGE, "x"), "without a name of the kernel it is not special");
        assertEquals(0, loaded.setAnonymousName(at(4), 2 * PAGE, "y"));
        assertEquals(3, loaded.usage().maps(), "mappings with such flags are not joined");
    }

    @Test
    @DisplayName(
            "the heap and the main stack are shown as such, and so is a part of the heap that was cut out by a name")
    void places() {
        AddressSpace own = machine.space(LINUX).heap(AT, AT).stack(at(20)).build();
        own.throwing().brk(at(3));
        own.throwing().mmap(at(20), PAGE, RW, FIXED | Mman.GROWSDOWN, null, 0);
        own.throwing().mmap(at(30), PAGE, RW, FIXED, null, 0);
        assertEquals(0, own.setAnonymousName(at(1), PAGE, "x"));
        assertEquals(0, own.setAnonymousName(at(20), PAGE, "x"));
        assertEquals(0, own.setAnonymousName(at(30), PAGE, "x"));
        assertEquals(
                List.of("[heap]", "[heap]", "[heap]", "[stack]", "[anon:x]"),
                own.snapshot().maps().stream().map(line -> line.substring(73)).toList());
        Vma cut = own.find(at(1));
        assertEquals("[anon:x]", cut == null ? null : cut.name());
    }

    @Test
    @DisplayName("a listing with names is read and printed to the letter")
    void listing() {
        List<String> maps = List.of(
                "10000000-10001000 rw-p 00000000 00:00 0                                  [anon:a pool: 1]",
                "10001000-10002000 rw-p 00000000 00:00 0                                  [anon:]",
                "10002000-10003000 rw-s 00000000 00:01 9                                  [anon_shmem:x]",
                "10003000-10004000 rw-s 00001000 00:01 9                                  [anon_shmem:y]");
        AddressSpace loaded = machine.space(LINUX)
                .load(ProcMaps.parse(LINUX, maps, List.of(), ProcMaps.openOnce()))
                .build();
        assertEquals(maps, loaded.snapshot().maps());
        assertEquals(0, loaded.setAnonymousName(at(2), 2 * PAGE, "z"));
        assertEquals(3, loaded.usage().maps(), "two parts of one object are one mapping now");
        assertEquals(0, loaded.setAnonymousName(at(0), PAGE, null));
        Vma first = loaded.find(AT);
        assertNull(first == null ? "none" : first.name());
    }

    @Test
    @DisplayName("a call over many mappings has one text of a name for all, and its cuts have that, too")
    void oneText() {
        for (int page = 0; page < 400; page += 2) {
            map(page, 1, RW);
            map(page + 1, 1, Mman.READ);
        }
        assertEquals(0, name(0, 400, "x"));
        Vma first = Objects.requireNonNull(space.find(at(0)));
        for (Vma vma : space.snapshot()) {
            assertSame(first.name(), vma.name(), vma::toString);
        }
        assertEquals(400, space.usage().maps());
    }

    @Test
    @DisplayName("what a stack grows by has the name of the stack")
    void grownStack() {
        map(20, 1, CallArguments.ANON | Mman.GROWSDOWN, null);
        assertEquals(0, name(20, 1, "s"));
        assertEquals(0, space.growStack(at(18)));
        assertEquals("[anon:s]", nameAt(18));
    }
}
