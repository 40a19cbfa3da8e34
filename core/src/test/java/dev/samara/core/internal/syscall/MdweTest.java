// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.fixture.KernelTable;
import dev.samara.core.fixture.LayoutText;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.OpenFile;
import dev.samara.core.vma.SharedSegment;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Compares {@code PR_SET_MDWE} with the answers of a live kernel ({@code kernel/mdwe.table}). */
@DisplayName("memory that is writable and executable is refused")
final class MdweTest {
    private static final KernelTable KERNEL = new KernelTable("mdwe.table");
    private static final long PAGE = CallArguments.PAGE;
    private static final long AT = CallArguments.PLACE;
    private static final int RX = Mman.READ | Mman.EXEC;
    private static final int RW = CallArguments.RW;
    private static final int RWX = RW | Mman.EXEC;
    private static final int FIXED = CallArguments.ANON | Mman.FIXED;

    private final Machine machine = Machine.builder().memory(1 << 22).build();
    private final AddressSpace space = machine.newSpace(Geometry.LINUX_X86_64);
    private final Backing file = OpenFile.named("/file").open();
    private final Backing readOnly = OpenFile.named("/read-only").readOnly().open();

    private static AddressSpace fresh() {
        return new MdweTest().space;
    }

    private long map(long at, int protection) {
        return space.mmap(at, PAGE, protection, FIXED, null, 0);
    }

    private long refuse() {
        return space.setMdwe(Mman.REFUSE_EXEC_GAIN);
    }

    @TestFactory
    @DisplayName("prctl: unknown bits, NO_INHERIT alone; set once")
    List<DynamicTest> set() {
        return KERNEL.tests("set", bits -> {
            AddressSpace one = fresh();
            long first = one.setMdwe(Long.parseUnsignedLong(bits[0], 16));
            long second = one.setMdwe(Long.parseUnsignedLong(bits[1], 16));
            return KernelTable.answers(first, second, one.mdwe());
        });
    }

    @TestFactory
    @DisplayName("a child has the bits, unless NO_INHERIT is one")
    List<DynamicTest> fork() {
        return KERNEL.tests("fork", bits -> {
            AddressSpace parent = fresh();
            assertEquals(0, parent.setMdwe(Long.parseLong(bits[0])));
            try (AddressSpace child = parent.fork()) {
                return KernelTable.answers(child.mdwe());
            }
        });
    }

    @TestFactory
    @DisplayName("mmap: EACCES for both rights")
    List<DynamicTest> mmap() {
        return KERNEL.tests("mmap", words -> {
            AddressSpace one = fresh();
            assertEquals(0, one.setMdwe(Mman.REFUSE_EXEC_GAIN));
            int type = words[1].equals("shared") ? Mman.SHARED : Mman.PRIVATE;
            return KernelTable.answers(one.mmap(0, PAGE, Integer.parseInt(words[0]), type | Mman.ANONYMOUS, null, 0));
        });
    }

    @TestFactory
    @DisplayName("mprotect: EACCES for both rights, and for EXEC of what was not executable")
    List<DynamicTest> mprotect() {
        return KERNEL.tests("mprotect", rights -> {
            AddressSpace one = fresh();
            assertEquals(AT, one.mmap(AT, PAGE, Integer.parseInt(rights[0]), FIXED, null, 0));
            assertEquals(0, one.setMdwe(Mman.REFUSE_EXEC_GAIN));
            return KernelTable.answers(one.mprotect(AT, PAGE, Integer.parseInt(rights[1])));
        });
    }

    @TestFactory
    @DisplayName("the order of errors")
    List<DynamicTest> order() {
        return KERNEL.tests("order", words -> {
            MdweTest one = new MdweTest();
            return switch (words[0]) {
                case "mmap" -> one.orderOfMmap(words[1]);
                case "mprotect" -> one.orderOfMprotect(words[1]);
                default -> one.orderOfOthers(words[0], words[1]);
            };
        });
    }

    private String orderOfMmap(String row) {
        if (row.equals("noreplace")) {
            map(AT, Mman.READ);
        } else if (row.equals("over-mapping-kept") || row.equals("sealed-below")) {
            map(AT, RW);
        }
        if (row.equals("sealed-below")) {
            space.throwing().mseal(AT, PAGE, 0);
        }
        assertEquals(0, refuse());
        int shared = Mman.SHARED | Mman.FIXED;
        long result = switch (row) {
            case "length-0" -> space.mmap(AT, 0, RWX, FIXED, null, 0);
            case "unaligned" -> space.mmap(AT + 1, PAGE, RWX, FIXED, null, 0);
            case "beyond" -> map(CallArguments.LIMIT, RWX);
            case "badfd" -> space.mmap(AT, PAGE, RWX, shared, null, 0);
            case "noreplace" -> space.mmap(AT, PAGE, RWX, CallArguments.ANON | Mman.FIXED_NOREPLACE, null, 0);
            case "memlock-0" -> {
                space.setLimit(Resource.MEMLOCK, 0);
                yield space.mmap(AT, PAGE, RWX, FIXED | Mman.LOCKED, null, 0);
            }
            case "memlock-1" -> {
                space.setLimit(Resource.MEMLOCK, PAGE);
                yield space.mmap(AT, 2 * PAGE, RWX, FIXED | Mman.LOCKED, null, 0);
            }
            case "notype" -> space.mmap(AT, PAGE, RWX, Mman.ANONYMOUS | Mman.FIXED, null, 0);
            case "validate-unknown" -> space.mmap(AT, PAGE, RWX, Mman.SHARED_VALIDATE | Mman.FIXED | 0x200000, file, 0);
            case "overflow" -> space.mmap(AT, PAGE, RWX, shared, file, Long.MAX_VALUE & -PAGE);
            case "growsdown-file" -> space.mmap(AT, PAGE, RWX, Mman.PRIVATE | Mman.FIXED | Mman.GROWSDOWN, file, 0);
            case "as-limit" -> {
                space.setLimit(Resource.AS, 0);
                yield map(AT, RWX);
            }
            case "sealed-below", "over-mapping-kept" -> map(AT, RWX);
            default -> throw new AssertionError(row);
        };
        return row.equals("over-mapping-kept")
                ? KernelTable.answers(result, space.mprotect(AT, PAGE, Mman.READ))
                : KernelTable.answers(result);
    }

    private String orderOfMprotect(String row) {
        switch (row) {
            case "hole" -> {}
            case "data-limit" -> map(AT, RX);
            case "second" -> {
                map(AT, RX);
                map(AT + PAGE, RW);
            }
            case "readonly-shared" ->
                assertEquals(AT, space.mmap(AT, PAGE, Mman.READ, Mman.SHARED | Mman.FIXED, readOnly, 0));
            default -> map(AT, RW);
        }
        if (row.equals("sealed")) {
            space.throwing().mseal(AT, PAGE, 0);
        }
        assertEquals(0, refuse());
        return switch (row) {
            case "unaligned" -> KernelTable.answers(space.mprotect(AT + 1, PAGE, RWX));
            case "length-0" -> KernelTable.answers(space.mprotect(AT, 0, RWX));
            case "hole" -> KernelTable.answers(space.mprotect(AT, PAGE, RWX));
            case "unknown" -> KernelTable.answers(space.mprotect(AT, PAGE, RWX | 0x100));
            case "growsdown-not" -> KernelTable.answers(space.mprotect(AT, PAGE, RWX | Mman.PROT_GROWSDOWN));
            case "sealed" -> KernelTable.answers(space.mprotect(AT, PAGE, RWX), space.mprotect(AT, PAGE, Mman.READ));
            case "hole-behind" -> KernelTable.answers(space.mprotect(AT, 2 * PAGE, Mman.EXEC));
            case "second" -> KernelTable.answers(space.mprotect(AT, 2 * PAGE, Mman.EXEC), space.mprotect(AT, PAGE, RX));
            case "data-limit" -> {
                space.setLimit(Resource.DATA, 1);
                yield KernelTable.answers(space.mprotect(AT, PAGE, RWX), space.mprotect(AT, PAGE, RW));
            }
            case "readonly-shared" -> KernelTable.answers(space.mprotect(AT, PAGE, RWX), space.mprotect(AT, PAGE, RX));
            default -> throw new AssertionError(row);
        };
    }

    private String orderOfOthers(String call, String row) {
        SharedSegment segment = new SharedSegment(1, 0, PAGE);
        map(AT, row.equals("exec") ? RX : RWX);
        assertEquals(0, refuse());
        return switch (call) {
            case "mremap" -> KernelTable.answers(space.mremap(AT, PAGE, 2 * PAGE, Mman.MAYMOVE, 0));
            case "madvise" -> KernelTable.answers(space.madvise(AT, PAGE, Mman.DONTFORK), space.mlock(AT, PAGE));
            case "shmat" ->
                KernelTable.answers(
                        space.shmat(segment, 0, Mman.SHM_EXEC), space.shmat(segment, 0, Mman.SHM_EXEC | Mman.RDONLY));
            default -> throw new AssertionError(call);
        };
    }

    @ParameterizedTest
    @ValueSource(ints = {Mman.REFUSE_EXEC_GAIN, Mman.REFUSE_EXEC_GAIN | Mman.NO_INHERIT})
    @DisplayName("a space that replaces another has its bits, unless NO_INHERIT is one, or it has bits of its own")
    void exec(int bits) {
        assertEquals(0, space.setMdwe(bits));
        boolean isInherited = (bits & Mman.NO_INHERIT) == 0;
        try (Cpu cpu = machine.claimCpu()) {
            cpu.switchTo(space);
            AddressSpace next = machine.newSpace(Geometry.LINUX_X86_64);
            cpu.exec(next);
            assertEquals(isInherited ? bits : 0, next.mdwe());
            assertEquals(isInherited, Errno.isError(next.mmap(0, PAGE, RWX, CallArguments.ANON, null, 0)));
            AddressSpace third = machine.newSpace(Geometry.LINUX_X86_64);
            assertEquals(0, third.setMdwe(Mman.REFUSE_EXEC_GAIN | Mman.NO_INHERIT));
            cpu.exec(third);
            assertEquals(Mman.REFUSE_EXEC_GAIN | Mman.NO_INHERIT, third.mdwe());
        }
    }

    @Test
    @DisplayName("what is refused changes nothing")
    void changesNothing() {
        map(AT, RW);
        map(AT + PAGE, RX);
        assertEquals(0, refuse());
        String before = LayoutText.of(space);
        assertEquals(Errno.EACCES.result(), space.mmap(AT, 2 * PAGE, RWX, FIXED, null, 0));
        assertEquals(Errno.EACCES.result(), space.mprotect(AT, 2 * PAGE, RX));
        assertEquals(before, LayoutText.of(space));
        assertTrue(before.contains("rd ex"), before);
    }
}
