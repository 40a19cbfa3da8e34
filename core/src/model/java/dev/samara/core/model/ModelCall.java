// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.model;

import dev.samara.core.AddressSpace;
import dev.samara.core.fixture.OpenFiles;
import dev.samara.core.mman.Capability;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.Resource;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.SharedSegment;
import java.util.EnumSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One step of a random sequence. A step depends on no other step, so any sequence of steps can be run.
 *
 * @param kind the call
 * @param address the first argument, if the call takes one
 * @param length the length in bytes; for LIMIT, the limit
 * @param other the offset of MMAP, the new length of MREMAP, the page of REMAP_FILE_PAGES, the flags of MSEAL and MDWE
 * @param target the new address of MREMAP
 * @param flags the flags of the call; for MADVISE the advice; for LIMIT, GRANT, DROP and NAME the number of the limit,
 *     right or name; for FORK the fate of the child
 * @param protection the protection of MMAP and MPROTECT
 * @param object the number of the file or segment, or -1 for none
 */
record ModelCall(Kind kind, long address, long length, long other, long target, int flags, int protection, int object) {

    enum Kind {
        MMAP,
        MUNMAP,
        MPROTECT,
        MREMAP,
        BRK,
        MADVISE,
        MLOCK,
        MUNLOCK,
        MLOCKALL,
        MUNLOCKALL,
        MSYNC,
        MSEAL,
        NAME,
        SHMAT,
        SHMDT,
        GROW_STACK,
        MDWE,
        REMAP_FILE_PAGES,
        LIMIT,
        GRANT,
        DROP,
        FORK
    }

    /** FORK: the child is compared and closed, lives on alongside its parent, or replaces its parent. */
    static final int CLOSE_CHILD = 0;

    static final int KEEP_CHILD = 1;

    static final int BECOME_CHILD = 2;

    private static final List<Resource> RESOURCES = List.copyOf(EnumSet.allOf(Resource.class));

    private static final List<Capability> CAPABILITIES = List.copyOf(EnumSet.allOf(Capability.class));

    /** Names of memory: none, valid ones and an invalid one. */
    private static final @Nullable String[] NAMES = {null, "pool", "other", "", "pool", "$"};

    static final int NAME_COUNT = NAMES.length;

    private static final SharedSegment[] SEGMENTS = {OpenFiles.FIVE_PAGES, OpenFiles.ONE_BYTE};

    private static final String[] SEGMENT_NAMES = {"OpenFiles.FIVE_PAGES", "OpenFiles.ONE_BYTE"};

    static final int SEGMENT_COUNT = SEGMENTS.length;

    private @Nullable Backing file() {
        return object < 0 ? null : OpenFiles.ALL.get(object);
    }

    private @Nullable SharedSegment segment() {
        return object < 0 ? null : SEGMENTS[object];
    }

    private @Nullable String name() {
        return NAMES[flags];
    }

    Resource resource() {
        return RESOURCES.get(flags);
    }

    Capability capability() {
        return CAPABILITIES.get(flags);
    }

    /** Returns whether the call has no result. */
    boolean isVoid() {
        return kind == Kind.LIMIT || kind == Kind.GRANT || kind == Kind.DROP;
    }

    long on(AddressSpace space) {
        return switch (kind) {
            case MMAP -> space.mmap(address, length, protection, flags, file(), other);
            case MUNMAP -> space.munmap(address, length);
            case MPROTECT -> space.mprotect(address, length, protection);
            case MREMAP -> space.mremap(address, length, other, flags, target);
            case BRK -> space.brk(address);
            case MADVISE -> space.madvise(address, length, flags);
            case MLOCK -> space.mlock2(address, length, flags);
            case MUNLOCK -> space.munlock(address, length);
            case MLOCKALL -> space.mlockall(flags);
            case MUNLOCKALL -> space.munlockall();
            case MSYNC -> space.msync(address, length, flags);
            case MSEAL -> space.mseal(address, length, other);
            case NAME -> space.setAnonymousName(address, length, name());
            case MDWE -> space.setMdwe(other);
            case REMAP_FILE_PAGES -> space.remapFilePages(address, length, protection, other, flags);
            case SHMAT -> space.shmat(segment(), address, flags);
            case SHMDT -> space.shmdt(address);
            case GROW_STACK -> space.growStack(address);
            case LIMIT -> {
                space.setLimit(resource(), length);
                yield 0;
            }
            case GRANT -> {
                space.grant(capability());
                yield 0;
            }
            case DROP -> {
                space.drop(capability());
                yield 0;
            }
            case FORK -> throw new IllegalStateException("a fork has no result to compare");
        };
    }

    long on(ModelSpace space) {
        return switch (kind) {
            case MMAP -> new ModelMmap(space).mmap(address, length, protection, flags, file(), other);
            case MUNMAP -> space.munmap(address, length);
            case MPROTECT -> new ModelRanges(space).mprotect(address, length, protection);
            case MREMAP -> new ModelRemap(space).mremap(address, length, other, flags, target);
            case BRK -> space.brk(address);
            case MADVISE -> new ModelRanges(space).madvise(address, length, flags);
            case MLOCK -> new ModelRanges(space).mlock(address, length, flags);
            case MUNLOCK -> new ModelRanges(space).munlock(address, length);
            case MLOCKALL -> new ModelRanges(space).mlockall(flags);
            case MUNLOCKALL -> new ModelRanges(space).munlockall();
            case MSYNC -> new ModelRanges(space).msync(address, length, flags);
            case MSEAL -> new ModelRanges(space).mseal(address, length, other);
            case NAME -> new ModelRanges(space).setAnonymousName(address, length, name());
            case MDWE -> space.setMdwe(other);
            case REMAP_FILE_PAGES -> new ModelMmap(space).remapFilePages(address, length, protection, other);
            case SHMAT -> new ModelMmap(space).shmat(segment(), address, flags);
            case SHMDT -> new ModelMmap(space).shmdt(address);
            case GROW_STACK -> space.growStack(address);
            case LIMIT -> {
                space.setLimit(resource(), length);
                yield 0;
            }
            case GRANT, DROP -> {
                space.setCapability(capability(), kind == Kind.GRANT);
                yield 0;
            }
            case FORK -> throw new IllegalStateException("a fork has no result to compare");
        };
    }

    static String hex(long number) {
        return "0x" + Long.toHexString(number) + "L";
    }

    private static String hex(int number) {
        return "0x" + Integer.toHexString(number);
    }

    /** Returns the result of a call in the form in which a test would write it. */
    static String result(long result) {
        for (Errno errno : Errno.values()) {
            if (errno.result() == result) {
                return "Errno." + errno + ".result()";
            }
        }
        return hex(result);
    }

    /** Returns the call on a space of this name, without a semicolon. */
    String asJava(String space) {
        String range = hex(address) + ", " + hex(length);
        String arguments = switch (kind) {
            case MMAP ->
                "mmap(" + range + ", " + hex(protection) + ", " + hex(flags) + ", "
                        + (object < 0
                                ? "null"
                                : "OpenFiles." + OpenFiles.ALL.get(object).name())
                        + ", " + hex(other) + ")";
            case MUNMAP -> "munmap(" + range + ")";
            case MPROTECT -> "mprotect(" + range + ", " + hex(protection) + ")";
            case MREMAP -> "mremap(" + range + ", " + hex(other) + ", " + hex(flags) + ", " + hex(target) + ")";
            case BRK -> "brk(" + hex(address) + ")";
            case MADVISE -> "madvise(" + range + ", " + flags + ")";
            case MLOCK -> "mlock2(" + range + ", " + flags + ")";
            case MUNLOCK -> "munlock(" + range + ")";
            case MLOCKALL -> "mlockall(" + flags + ")";
            case MUNLOCKALL -> "munlockall()";
            case MSYNC -> "msync(" + range + ", " + flags + ")";
            case MSEAL -> "mseal(" + range + ", " + hex(other) + ")";
            case NAME -> "setAnonymousName(" + range + ", " + (name() == null ? null : '"' + name() + '"') + ")";
            case REMAP_FILE_PAGES ->
                "remapFilePages(" + range + ", " + protection + ", " + hex(other) + ", " + hex(flags) + ")";
            case MDWE -> "setMdwe(" + hex(other) + ")";
            case SHMAT ->
                "shmat(" + (object < 0 ? "null" : SEGMENT_NAMES[object]) + ", " + hex(address) + ", " + hex(flags)
                        + ")";
            case SHMDT -> "shmdt(" + hex(address) + ")";
            case GROW_STACK -> "growStack(" + hex(address) + ")";
            case LIMIT -> "setLimit(Resource." + resource() + ", " + hex(length) + ")";
            case GRANT -> "grant(Capability." + capability() + ")";
            case DROP -> "drop(Capability." + capability() + ")";
            case FORK -> "fork()";
        };
        return space + "." + arguments;
    }
}
