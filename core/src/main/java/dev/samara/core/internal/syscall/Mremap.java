// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.syscall;

import dev.samara.core.internal.op.Call;
import dev.samara.core.internal.op.Edit;
import dev.samara.core.internal.op.Revocations;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.vma.Geometry;
import java.util.concurrent.CompletableFuture;

/** {@code mremap} ({@code mm/mremap.c}); {@link VmaRemap} decides. */
public record Mremap(long address, long oldLength, long newLength, int flags, long newAddress) implements Call {
    public static long mremap(Layout layout, long address, long oldLength, long newLength, int flags, long newAddress) {
        return Syscall.run(layout, new Mremap(address, oldLength, newLength, flags, newAddress));
    }

    public static CompletableFuture<Long> mremapAsync(
            Layout layout, long address, long oldLength, long newLength, int flags, long newAddress) {
        return Syscall.start(layout, new Mremap(address, oldLength, newLength, flags, newAddress));
    }

    @Override
    public long decide(Edit edit) {
        Geometry geometry = edit.geometry;
        return new VmaRemap(edit, address, geometry.roundUp(oldLength), geometry.roundUp(newLength), flags, newAddress)
                .remap();
    }

    @Override
    public void revoke(Revocations revocations) {
        revocations.add(address, oldLength);
        if ((flags & RemapFlags.FIXED) != 0) {
            revocations.add(newAddress, newLength);
        }
    }

    @Override
    public String toString() {
        return Call.text("mremap", address, oldLength, newLength, flags, newAddress);
    }
}
