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
import dev.samara.emulator.elf.ElfFile.ElfException;
import dev.samara.emulator.elf.ElfFile.ElfSegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
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

    private static final int FIXED = Mman.PRIVATE | Mman.FIXED;

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
        long moved = elf.isMovable ? MOVABLE_BASE - elf.start() : 0;
        if (elf.end() + moved > STACK_TOP - FIRST_STACK || elf.end() + moved < 0) {
            throw new ElfException(elf.name, "cannot be loaded: it overlaps the stack");
        }
        AddressSpace space = space(elf, moved, path);
        boolean isLoaded = false;
        try {
            map(space, elf, moved);
            long base = interpreter == null ? 0 : findPlace(space, interpreter);
            if (interpreter != null) {
                map(space, interpreter, base);
            }
            InitialStack stack = stack(elf, moved, base, path, random, room(arguments) + room(environment));
            long pointer = finish(elf, stack, arguments, environment);
            store(elf, space, stack, pointer);
            long entry = interpreter == null ? elf.entry + moved : interpreter.entry + base;
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
            throw new ElfException(elf.name, "cannot be loaded: " + e.errno());
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
        stack.auxiliary(AT_PHNUM, elf.headerCount);
        stack.auxiliary(AT_BASE, base);
        stack.auxiliary(AT_FLAGS, 0);
        stack.auxiliary(AT_ENTRY, elf.entry + moved);
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
            throw new ElfException(elf.name, String.valueOf(tooLong.getMessage()));
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

    /** Returns the load bias of a file that may be loaded anywhere. The space chooses the address. */
    private static long findPlace(AddressSpace space, ElfFile elf) throws ElfException {
        long length = elf.end() - elf.start();
        long at = check(elf, space.mmap(0, length, 0, Mman.PRIVATE | Mman.ANONYMOUS | Mman.NORESERVE, null, 0));
        check(elf, space.munmap(at, length));
        return at - elf.start();
    }

    /** Maps the segments of a file ({@code elf_map}, {@code set_brk} and {@code padzero} of Linux). */
    private static void map(AddressSpace space, ElfFile elf, long moved) throws ElfException {
        for (ElfSegment each : elf.segments) {
            map(space, elf, each, moved);
        }
    }

    private static void map(AddressSpace space, ElfFile elf, ElfSegment segment, long moved) throws ElfException {
        long start = GEOMETRY.roundDown(segment.address() + moved);
        long fileEnd = segment.address() + moved + segment.fileSize();
        long end = GEOMETRY.roundUp(segment.end() + moved);
        long mapped = start;
        if (segment.fileSize() > 0) {
            long length = GEOMETRY.roundUp(fileEnd) - start;
            long offset = GEOMETRY.roundDown(segment.offset());
            check(elf, space.mmap(start, length, segment.protection(), FIXED, elf.file, offset));
            mapped = start + length;
            if (segment.memorySize() > segment.fileSize()) {
                clear(space, elf, fileEnd, mapped);
            }
        }
        if (end > mapped) {
            check(elf, space.mmap(mapped, end - mapped, segment.protection(), FIXED | Mman.ANONYMOUS, null, 0));
        }
    }

    /** Clears the rest of a page that starts with bytes of the file. */
    private static void clear(AddressSpace space, ElfFile elf, long from, long to) throws ElfException {
        int length = (int) (to - from);
        if (length > 0) {
            check(elf, space.writeForced(from, new byte[length], 0, length));
        }
    }

    private static long check(ElfFile elf, long result) throws ElfException {
        if (Errno.isError(result)) {
            throw new ElfException(elf.name, "cannot be loaded: " + Errno.of(result));
        }
        return result;
    }

    /**
     * The bytes at the top of a new program's stack: strings, and below them argc, argv, envp and the auxiliary vector
     * ({@code create_elf_tables}).
     */
    static final class InitialStack {
        private static final int ALIGNMENT = 16;
        private static final int WORD = 8;
        private static final int RANDOM_BYTES = 16;

        private final long top;
        private final ByteBuffer bytes;
        private final List<long[]> auxiliary = new ArrayList<>();

        /** The address of the lowest pushed byte. */
        private long pointer;

        private ArgumentPlace place = new ArgumentPlace(0, 0, 0, 0);

        /**
         * Creates an empty stack.
         *
         * @param top the end of the stack (exclusive), a multiple of 16
         * @param room the maximum number of bytes
         */
        InitialStack(long top, int room) {
            this.top = top;
            bytes = ByteBuffer.allocate(room).order(ByteOrder.LITTLE_ENDIAN);
            // The last word of the stack is 0, as on Linux.
            pointer = top - WORD;
        }

        private void push(byte[] pushed) {
            pointer -= pushed.length;
            if (pointer < top - bytes.capacity()) {
                throw new IllegalArgumentException("arguments and environment are too long");
            }
            bytes.put(index(pointer), pushed);
        }

        private int index(long address) {
            return (int) (address - (top - bytes.capacity()));
        }

        /** Pushes a string, in which each character represents a byte; returns its address. */
        long string(String text) {
            push((text + '\0').getBytes(StandardCharsets.ISO_8859_1));
            return pointer;
        }

        /** Pushes random bytes; returns their address. */
        long random(byte[] random) {
            if (random.length != RANDOM_BYTES) {
                throw new IllegalArgumentException(random.length + " random bytes, not " + RANDOM_BYTES);
            }
            push(random);
            return pointer;
        }

        long pointer() {
            return pointer;
        }

        void place(ArgumentPlace strings) {
            place = strings;
        }

        ArgumentPlace place() {
            return place;
        }

        void auxiliary(int type, long value) {
            auxiliary.add(new long[] {type, value});
        }

        /**
         * Pushes argc, argv, envp and the auxiliary vector; returns the address of argc, which is the initial stack
         * pointer.
         */
        long finish(List<Long> arguments, List<Long> environment) {
            int words = 1 + arguments.size() + 1 + environment.size() + 1 + 2 * (auxiliary.size() + 1);
            long start = pointer - (long) WORD * words & -ALIGNMENT;
            if (start < top - bytes.capacity()) {
                throw new IllegalArgumentException("arguments and environment are too long");
            }
            ByteBuffer table = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN).position(index(start));
            table.putLong(arguments.size());
            arguments.forEach(table::putLong);
            table.putLong(0);
            environment.forEach(table::putLong);
            table.putLong(0);
            for (long[] each : auxiliary) {
                table.putLong(each[0]).putLong(each[1]);
            }
            pointer = start;
            return start;
        }

        /** Returns the bytes from the stack pointer up to the end of the stack. */
        byte[] bytes() {
            byte[] copy = new byte[(int) (top - pointer)];
            bytes.get(index(pointer), copy);
            return copy;
        }

        /** Returns the auxiliary vector including its terminating entry, as in {@code /proc/PID/auxv}. */
        byte[] auxiliaryBytes() {
            ByteBuffer vector =
                    ByteBuffer.allocate(2 * WORD * (auxiliary.size() + 1)).order(ByteOrder.LITTLE_ENDIAN);
            for (long[] each : auxiliary) {
                vector.putLong(each[0]).putLong(each[1]);
            }
            return vector.array();
        }
    }

    /**
     * The addresses of a program's argument and environment strings in its memory ({@code arg_start} etc.). The strings
     * of each kind are consecutive.
     *
     * @param argumentsStart the address of the first argument
     * @param argumentsEnd the address after the last one
     * @param environmentStart the address of the first environment variable
     * @param environmentEnd the address after the last one
     */
    public record ArgumentPlace(long argumentsStart, long argumentsEnd, long environmentStart, long environmentEnd) {}

    /** A program that was loaded into a new space and is ready to start. */
    public static final class LoadedProgram {
        private final AddressSpace space;
        private final long entry;
        private final long stackPointer;
        private final long trampoline;
        private final byte[] auxiliary;
        private final ArgumentPlace arguments;

        LoadedProgram(
                AddressSpace space,
                long entry,
                long stackPointer,
                long trampoline,
                byte[] auxiliary,
                ArgumentPlace arguments) {
            this.space = space;
            this.entry = entry;
            this.stackPointer = stackPointer;
            this.trampoline = trampoline;
            this.auxiliary = auxiliary;
            this.arguments = arguments;
        }

        /**
         * Returns the memory of the program.
         *
         * @return its space, which the caller must close
         */
        public AddressSpace space() {
            return space;
        }

        /**
         * Returns the entry point.
         *
         * @return the address of the first instruction, which is the interpreter's if the program has an interpreter
         */
        public long entry() {
            return entry;
        }

        /**
         * Returns the initial stack pointer.
         *
         * @return the address of argc
         */
        public long stackPointer() {
            return stackPointer;
        }

        /**
         * Returns the address of the code that returns from a signal handler.
         *
         * @return the address
         */
        public long trampoline() {
            return trampoline;
        }

        /**
         * Returns the auxiliary vector, for {@code /proc/self/auxv}.
         *
         * @return a copy of its bytes
         */
        public byte[] auxiliary() {
            return auxiliary.clone();
        }

        /**
         * Returns the addresses of the arguments and the environment.
         *
         * @return their addresses
         */
        public ArgumentPlace arguments() {
            return arguments;
        }
    }
}
