// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.elf;

import dev.samara.core.AddressSpace;
import dev.samara.core.AddressSpaceBuilder;
import dev.samara.core.Machine;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.VmaFlags;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Creates the space of a program ({@code load_elf_binary}): segments of the file and of its interpreter, heap, stack,
 * and a page with the code that returns from a signal handler, because RISC-V programs do not contain such code.
 */
public final class ProgramLoader {
    /** Sv39: three levels of page tables, and 256 GiB for a program. */
    public static final Geometry GEOMETRY = Geometry.LINUX_RISCV_SV39;

    private static final long PAGE = GEOMETRY.pageSize();
    private static final long TRAMPOLINE = GEOMETRY.limit() - PAGE;
    private static final long STACK_TOP = TRAMPOLINE - PAGE;

    /** The address of a program that may be loaded at any address: two thirds of the space, as on Linux. */
    private static final long MOVABLE_BASE = 0x2a_aaaa_a000L;

    /** The initial size of the stack, which grows. */
    private static final long FIRST_STACK = 132 << 10;

    /** Space for the auxiliary vector, the path and alignment, in addition to arguments and environment. */
    private static final int REST_OF_STACK = 8 << 10;

    /** {@code li a7, 139} and {@code ecall}. */
    private static final int[] RETURN_FROM_SIGNAL = {0x08b0_0893, 0x0000_0073};

    /** The extensions A, C, D, F, I and M, each as the bit of its letter. */
    private static final long EXTENSIONS = 1 << 0 | 1 << 2 | 1 << 3 | 1 << 5 | 1 << 8 | 1 << 12;

    private static final int AT_PHDR = 3;
    private static final int AT_PHENT = 4;
    private static final int AT_PHNUM = 5;
    private static final int AT_PAGESZ = 6;
    private static final int AT_BASE = 7;
    private static final int AT_FLAGS = 8;
    private static final int AT_ENTRY = 9;
    private static final int AT_UID = 11;
    private static final int AT_EUID = 12;
    private static final int AT_GID = 13;
    private static final int AT_EGID = 14;
    private static final int AT_HWCAP = 16;
    private static final int AT_CLKTCK = 17;
    private static final int AT_SECURE = 23;
    private static final int AT_RANDOM = 25;
    private static final int AT_EXECFN = 31;
    private static final int TICKS = 100;

    private final Machine machine;
    private final Map<Resource, Long> limits;
    private final int user;

    /**
     * Creates a loader.
     *
     * @param machine the machine of the spaces
     * @param limits the limits of each space
     * @param user the user and group ID of the program
     */
    public ProgramLoader(Machine machine, Map<Resource, Long> limits, int user) {
        this.machine = machine;
        this.limits = limits;
        this.user = user;
    }

    /**
     * Loads a program.
     *
     * @param elf the program
     * @param interpreter the file that {@link ElfFile#interpreter} names; null if it names none
     * @param path the path of the program, for the guest
     * @param arguments the arguments, of which the first is the name
     * @param environment the environment
     * @param random 16 random bytes
     * @return the program, in a new space
     * @throws ElfException if a segment cannot be mapped, or the arguments are too long
     */
    public LoadedProgram load(
            ElfFile elf,
            @Nullable ElfFile interpreter,
            String path,
            List<String> arguments,
            List<String> environment,
            byte[] random)
            throws ElfException {
        long moved = elf.isMovable() ? MOVABLE_BASE - elf.start() : 0;
        if (elf.end() + moved > STACK_TOP - FIRST_STACK || elf.end() + moved < 0) {
            throw new ElfException(elf.name(), "cannot be loaded: it overlaps the stack");
        }
        AddressSpace space = space(elf, moved, path);
        boolean isLoaded = false;
        try {
            SegmentMapper mapper = new SegmentMapper(space);
            mapper.map(elf, moved);
            long base = interpreter == null ? 0 : mapper.findPlace(interpreter);
            if (interpreter != null) {
                mapper.map(interpreter, base);
            }
            InitialStack stack = stack(elf, moved, base, path, random, room(arguments) + room(environment));
            long pointer = finish(elf, stack, arguments, environment);
            store(elf, space, stack, pointer);
            long entry = interpreter == null ? elf.entry() + moved : interpreter.entry() + base;
            isLoaded = true;
            return new LoadedProgram(space, entry, pointer, TRAMPOLINE, stack.auxiliaryBytes(), stack.place());
        } finally {
            if (!isLoaded) {
                space.close();
            }
        }
    }

    private AddressSpace space(ElfFile elf, long moved, String path) throws ElfException {
        long heap = elf.end() + moved;
        long flags = VmaFlags.READ | VmaFlags.EXEC | VmaFlags.MAYREAD | VmaFlags.MAYWRITE | VmaFlags.MAYEXEC;
        AddressSpaceBuilder builder = machine.space(GEOMETRY)
                .name(path.substring(path.lastIndexOf('/') + 1))
                .heap(heap, heap)
                .stack(STACK_TOP - 1)
                .load(List.of(AddressSpaceBuilder.mapping(
                        TRAMPOLINE, TRAMPOLINE + PAGE, flags, TRAMPOLINE / PAGE, null, "[vdso]")));
        limits.forEach(builder::limit);
        try {
            return builder.build();
        } catch (MmException e) {
            throw new ElfException(elf.name(), "cannot be loaded: " + e.errno());
        }
    }

    /** Returns the number of bytes of strings, including a pointer to each string. */
    private static int room(List<String> texts) {
        return texts.stream().mapToInt(text -> text.length() + 1 + Long.BYTES).reduce(0, Math::addExact);
    }

    private InitialStack stack(ElfFile elf, long moved, long base, String path, byte[] random, int room) {
        InitialStack stack = new InitialStack(STACK_TOP, room + REST_OF_STACK);
        long name = stack.string(path);
        long seed = stack.random(random);
        stack.auxiliary(AT_HWCAP, EXTENSIONS);
        stack.auxiliary(AT_PAGESZ, PAGE);
        stack.auxiliary(AT_CLKTCK, TICKS);
        stack.auxiliary(AT_PHDR, elf.headerAddress() == 0 ? 0 : elf.headerAddress() + moved);
        stack.auxiliary(AT_PHENT, ElfFile.headerSize());
        stack.auxiliary(AT_PHNUM, elf.headerCount());
        stack.auxiliary(AT_BASE, base);
        stack.auxiliary(AT_FLAGS, 0);
        stack.auxiliary(AT_ENTRY, elf.entry() + moved);
        stack.auxiliary(AT_UID, user);
        stack.auxiliary(AT_EUID, user);
        stack.auxiliary(AT_GID, user);
        stack.auxiliary(AT_EGID, user);
        stack.auxiliary(AT_SECURE, 0);
        stack.auxiliary(AT_RANDOM, seed);
        stack.auxiliary(AT_EXECFN, name);
        return stack;
    }

    private static long finish(ElfFile elf, InitialStack stack, List<String> arguments, List<String> environment)
            throws ElfException {
        try {
            // The strings are stored in their order, with the environment above the arguments.
            long environmentEnd = stack.pointer();
            List<Long> variables = strings(stack, environment);
            long argumentsEnd = stack.pointer();
            List<Long> words = strings(stack, arguments);
            stack.place(new ArgumentPlace(stack.pointer(), argumentsEnd, argumentsEnd, environmentEnd));
            return stack.finish(words, variables);
        } catch (IllegalArgumentException tooLong) {
            throw new ElfException(elf.name(), String.valueOf(tooLong.getMessage()));
        }
    }

    private static List<Long> strings(InitialStack stack, List<String> texts) {
        Long[] addresses = new Long[texts.size()];
        for (int i = texts.size() - 1; i >= 0; i--) {
            addresses[i] = stack.string(texts.get(i));
        }
        return List.of(addresses);
    }

    private static void store(ElfFile elf, AddressSpace space, InitialStack stack, long pointer) throws ElfException {
        int flags = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED_NOREPLACE | Mman.GROWSDOWN;
        long start = Math.min(STACK_TOP - FIRST_STACK, GEOMETRY.roundDown(pointer));
        check(elf, space.mmap(start, STACK_TOP - start, Mman.READ | Mman.WRITE, flags, null, 0));
        byte[] bytes = stack.bytes();
        check(elf, space.write(pointer, bytes, 0, bytes.length));
        ByteBuffer code =
                ByteBuffer.allocate(RETURN_FROM_SIGNAL.length * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (int word : RETURN_FROM_SIGNAL) {
            code.putInt(word);
        }
        check(elf, space.writeForced(TRAMPOLINE, code.flip()));
    }

    private static void check(ElfFile elf, long result) throws ElfException {
        if (Errno.isError(result)) {
            throw new ElfException(elf.name(), "cannot be loaded: " + Errno.of(result));
        }
    }
}
