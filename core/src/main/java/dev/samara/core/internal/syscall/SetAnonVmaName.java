// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import static dev.samara.core.internal.op.Edit.DONE;

import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.VmaMerge;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.vma.BackingTraits;
import dev.samara.core.internal.vma.VmArea;
import dev.samara.core.mman.Errno;
import dev.samara.core.vma.Vma;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * {@code PR_SET_VMA_ANON_NAME} ({@code set_anon_vma_name} in {@code mm/madvise.c}): sets the name of memory without a
 * file.
 *
 * @param name the name; null to remove it
 * @param ofMemory the name as displayed for private memory; null if there is no valid name
 * @param ofObject the name as displayed for shared memory; null if there is no valid name
 */
public record SetAnonVmaName(
        long address,
        long length,
        @Nullable String name,
        @Nullable String ofMemory,
        @Nullable String ofObject) implements RangeCall, AdviceWalk {
    /** The longest name, in characters ({@code ANON_VMA_NAME_MAX_LEN} also counts the terminator). */
    private static final int LONGEST = 79;

    /** Printable characters that a name must not have ({@code ANON_VMA_NAME_INVALID_CHARS}). */
    private static final String REFUSED = "\\`$[]";

    public static long setAnonVmaName(Layout layout, long address, long length, @Nullable String name) {
        return Syscall.run(layout, of(address, length, name));
    }

    /** Creates the call. The displayed names are created before the lock is acquired, once for all VMAs. */
    static SetAnonVmaName of(long address, long length, @Nullable String name) {
        if (name == null || !isValid(name)) {
            return new SetAnonVmaName(address, length, name, null, null);
        }
        String ofMemory = Vma.ANON_NAME + name + ']';
        String ofObject = Vma.ANON_SHMEM_NAME + name + ']';
        return new SetAnonVmaName(address, length, name, ofMemory, ofObject);
    }

    private static boolean isValid(String name) {
        if (name.length() > LONGEST) {
            return false;
        }
        for (int i = 0; i < name.length(); i++) {
            char character = name.charAt(i);
            if (character <= 0x1f || character >= 0x7f || REFUSED.indexOf(character) >= 0) {
                return false;
            }
        }
        return true;
    }

    @Override
    public long decide(Edit edit) {
        if ((name != null && ofMemory == null) || !AdviceWalk.isRange(edit.geometry, address, length)) {
            return Errno.EINVAL.result();
        }
        long end = address + edit.geometry.roundUp(length);
        if (end == address) {
            return DONE;
        }
        edit.claim(address, end);
        return AdviceWalk.walk(edit, address, end, this);
    }

    @Override
    public long advise(Edit edit, VmArea vma, long start, long end) {
        BackingTraits traits = vma.traits();
        if (traits != null && !traits.acceptsNames()) {
            return Errno.EBADF.result();
        }
        String shown = traits == null ? ofMemory : ofObject;
        boolean isWhole = start == vma.start() && end == vma.end();
        if (Objects.equals(shown, vma.name()) || (vma.isSpecial() && (shown == null || isWhole))) {
            // A special mapping displays the kernel's name, whatever other name is set.
            return vma.end();
        }
        VmArea named = VmaMerge.named(edit, vma, start, end, shown);
        return AdviceWalk.orAgain(VmaMerge.change(edit, vma, named));
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "set_anon_vma_name(0x%x, 0x%x, %s)", address, length, name);
    }
}
