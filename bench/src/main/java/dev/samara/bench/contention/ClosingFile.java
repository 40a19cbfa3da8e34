// SPDX-License-Identifier: Apache-2.0
package dev.samara.bench.contention;

import dev.samara.core.vma.Backing;
import dev.samara.core.vma.VmOperations;
import dev.samara.core.vma.Vma;
import org.jspecify.annotations.Nullable;

/** A file that calls back when it is closed. */
final class ClosingFile implements Backing {
    private final Runnable close;
    private final @Nullable VmOperations operations;

    private ClosingFile(Runnable close, @Nullable VmOperations operations) {
        this.close = close;
        this.operations = operations;
    }

    /** Returns a file that the space closes. */
    static ClosingFile closedBySpace(Runnable close) {
        return new ClosingFile(close, new VmOperations() {
            @Override
            public void close(Vma vma) {
                close.run();
            }
        });
    }

    /** Returns a file that the space does not close: the caller that unmaps it must call {@link #close}. */
    static ClosingFile closedByCaller(Runnable close) {
        return new ClosingFile(close, null);
    }

    void close() {
        close.run();
    }

    @Override
    public @Nullable VmOperations operations() {
        return operations;
    }

    @Override
    public int major() {
        return 8;
    }

    @Override
    public int minor() {
        return 1;
    }

    @Override
    public long inode() {
        return 42;
    }

    @Override
    public String name() {
        return "/closing";
    }
}
