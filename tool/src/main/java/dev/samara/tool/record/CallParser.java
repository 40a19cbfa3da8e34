// SPDX-License-Identifier: Apache-2.0
package dev.samara.tool.record;

import dev.samara.core.mman.Mman;
import dev.samara.core.mman.Resource;
import dev.samara.tool.record.MemoryCall.Brk;
import dev.samara.tool.record.MemoryCall.Foreign;
import dev.samara.tool.record.MemoryCall.LimitChange;
import dev.samara.tool.record.MemoryCall.Madvise;
import dev.samara.tool.record.MemoryCall.Mlock;
import dev.samara.tool.record.MemoryCall.Mlock2;
import dev.samara.tool.record.MemoryCall.Mlockall;
import dev.samara.tool.record.MemoryCall.Mmap;
import dev.samara.tool.record.MemoryCall.Mprotect;
import dev.samara.tool.record.MemoryCall.Mremap;
import dev.samara.tool.record.MemoryCall.Mseal;
import dev.samara.tool.record.MemoryCall.Msync;
import dev.samara.tool.record.MemoryCall.Munlock;
import dev.samara.tool.record.MemoryCall.Munlockall;
import dev.samara.tool.record.MemoryCall.Munmap;
import dev.samara.tool.record.MemoryCall.Shmat;
import dev.samara.tool.record.MemoryCall.Shmdt;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Parses the line of a call, and returns a {@link MemoryCall}. */
public final class CallParser {
    private static final int NO_KEY = -1;
    /**
     * {@code PR_SET_THP_DISABLE}, and the options that only read: {@code PR_GET_THP_DISABLE, _TAGGED_ADDR_CTRL, _MDWE,
     * _MEMORY_MERGE}.
     */
    private static final Set<Long> HARMLESS_PRCTLS = Set.of(41L, 42L, 56L, 66L, 68L);

    private static final long ASK_PERSONALITY = 0xffffffffL;
    private static final long READ_IMPLIES_EXEC = 0x0400000;
    /** Advice about the content of pages; any other advice changes flags. */
    private static final Set<Integer> CONTENT_ADVICE = Set.of(
            Mman.WILLNEED,
            Mman.DONTNEED,
            Mman.FREE,
            Mman.COLD,
            Mman.PAGEOUT,
            Mman.POPULATE_READ,
            Mman.POPULATE_WRITE,
            Mman.DONTNEED_LOCKED,
            Mman.COLLAPSE);

    private CallParser() {}

    /**
     * Reads one call.
     *
     * @param fields the fields of its line
     * @return the call
     * @throws InputException if the call is unknown, or a field is missing or invalid
     */
    public static MemoryCall parse(Fields fields) throws InputException {
        return switch (fields.name()) {
            case "mmap" -> mmap(fields);
            case "munmap" -> new Munmap(fields.number("addr"), fields.number("len"));
            case "mprotect" -> mprotect(fields);
            case "mremap" ->
                new Mremap(
                        fields.number("addr"),
                        fields.number("oldlen"),
                        fields.number("newlen"),
                        FlagNames.mremap(fields),
                        fields.number("newaddr"));
            case "brk" -> new Brk(fields.number("addr"));
            case "madvise" -> new Madvise(fields.number("addr"), fields.number("len"), FlagNames.advice(fields));
            case "msync" -> new Msync(fields.number("addr"), fields.number("len"), FlagNames.msync(fields));
            case "shmat" ->
                new Shmat(
                        fields.count("shmid"),
                        fields.number("addr"),
                        FlagNames.shmat(fields),
                        fields.find("size") == null ? 0 : fields.number("size"));
            case "shmdt" -> new Shmdt(fields.number("addr"));
            case "prlimit64" -> limit(fields, fields.number("pid") == 0);
            case "setrlimit" -> limit(fields, true);
            default -> isLocking(fields.name()) ? locking(fields) : foreign(fields);
        };
    }

    /**
     * Reads an {@code mprotect}, or a {@code pkey_mprotect} without a key.
     *
     * @param fields the fields of its line
     * @return the call
     * @throws InputException if a field is missing or invalid
     */
    private static Mprotect mprotect(Fields fields) throws InputException {
        return new Mprotect(fields.number("addr"), fields.number("len"), FlagNames.protection(fields));
    }

    private static Mmap mmap(Fields fields) throws InputException {
        return new Mmap(
                fields.number("addr"),
                fields.number("len"),
                FlagNames.protection(fields),
                FlagNames.mmap(fields),
                fields.number("off"),
                fields.text("fd"),
                fields.find("file") == null ? null : FileIdentity.parse(fields),
                fields.find("file") == null || fields.find("size") == null ? -1 : fields.number("size"));
    }

    private static boolean isLocking(String name) {
        return name.startsWith("mlock") || name.startsWith("munlock") || name.equals("mseal");
    }

    private static MemoryCall locking(Fields fields) throws InputException {
        return switch (fields.name()) {
            case "mlock" -> new Mlock(fields.number("addr"), fields.number("len"));
            case "mlock2" -> new Mlock2(fields.number("addr"), fields.number("len"), FlagNames.mlock2(fields));
            case "mlockall" -> new Mlockall(FlagNames.mlockall(fields));
            case "munlock" -> new Munlock(fields.number("addr"), fields.number("len"));
            case "munlockall" -> new Munlockall();
            case "mseal" -> new Mseal(fields.number("addr"), fields.number("len"), fields.number("flags"));
            default -> throw fields.fault("call '" + fields.name() + "' is unknown");
        };
    }

    private static LimitChange limit(Fields fields, boolean own) throws InputException {
        // If a prlimit64 only reads the limit, the line contains no new limit.
        return new LimitChange(
                resource(fields.count("resource")), fields.find("new") == null ? null : fields.number("new"), own);
    }

    /** Returns the limit with an {@code RLIMIT_*} number; null if memory calls do not check it. */
    private static @Nullable Resource resource(int number) {
        return switch (number) {
            case 2 -> Resource.DATA;
            case 3 -> Resource.STACK;
            case 8 -> Resource.MEMLOCK;
            case 9 -> Resource.AS;
            default -> null;
        };
    }

    /**
     * Reads a call that the library does not support, and classifies it by its effect if it succeeds. A call that does
     * not change the layout can be skipped. After any other call, the rest of the recording would describe a different
     * layout.
     */
    private static MemoryCall foreign(Fields fields) throws InputException {
        if (fields.name().equals("pkey_mprotect") && (int) fields.number("pkey") == NO_KEY) {
            return mprotect(fields);
        }
        return new Foreign(fields.name(), changesLayout(fields));
    }

    private static boolean changesLayout(Fields fields) throws InputException {
        return switch (fields.name()) {
            case "pkey_mprotect" -> fields.number("len") != 0;
            case "pkey_alloc", "pkey_free" -> false;
            case "mbind" -> bindsMemory(fields);
            case "process_madvise" -> !isContentAdvice(fields);
            case "personality" -> makesReadableExecutable(fields);
            case "prctl" -> !HARMLESS_PRCTLS.contains(fields.number("option"));
            case "remap_file_pages", "io_setup", "io_destroy", "fork", "execve" -> true;
            default -> throw fields.fault("call '" + fields.name() + "' is unknown");
        };
    }

    /**
     * Returns whether {@code mbind} sets a memory policy, which prevents merges of VMAs. The removal of a policy has no
     * effect, because no policy was ever set.
     */
    private static boolean bindsMemory(Fields fields) throws InputException {
        String mode = fields.text("mode");
        return fields.number("len") != 0 && !mode.equals("0x0") && !mode.equals("0") && !mode.equals("DEFAULT");
    }

    private static boolean isContentAdvice(Fields fields) throws InputException {
        return fields.find("advice") != null && CONTENT_ADVICE.contains(FlagNames.advice(fields));
    }

    /**
     * Returns whether {@code personality} sets {@code READ_IMPLIES_EXEC}, the only personality that affects later
     * memory calls.
     */
    private static boolean makesReadableExecutable(Fields fields) throws InputException {
        String key = fields.firstKey();
        if (key == null) {
            return false;
        }
        long value = fields.number(key);
        return value != ASK_PERSONALITY && (value & READ_IMPLIES_EXEC) != 0;
    }
}
