// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import dev.samara.core.Machine;
import dev.samara.core.vma.Geometry;
import java.util.function.UnaryOperator;

/** A memory that belongs to no runtime. It throws an exception of its own for each kind. */
final class PlainMemory extends LinearMemory {
    static class MemoryException extends RuntimeException {
        private static final long serialVersionUID = 1;

        MemoryException(String message) {
            super(message);
        }
    }

    static final class OutOfBoundsException extends MemoryException {
        private static final long serialVersionUID = 1;

        OutOfBoundsException(String message) {
            super(message);
        }
    }

    static final class TrapException extends MemoryException {
        private static final long serialVersionUID = 1;

        TrapException(String message) {
            super(message);
        }
    }

    static final class EndedException extends MemoryException {
        private static final long serialVersionUID = 1;

        EndedException() {
            super("interrupted");
        }
    }

    private static final MemoryExceptions EXCEPTIONS = new MemoryExceptions() {
        @Override
        public RuntimeException outOfBounds(String message) {
            return new OutOfBoundsException(message);
        }

        @Override
        public RuntimeException trap(String message) {
            return new TrapException(message);
        }

        @Override
        public RuntimeException interrupted() {
            return new EndedException();
        }

        @Override
        public RuntimeException failed(String message) {
            return new MemoryException(message);
        }
    };

    PlainMemory(Machine machine, int initial, int maximum) {
        this(machine, initial, maximum, false);
    }

    PlainMemory(Machine machine, int initial, int maximum, boolean isShared) {
        this(EXCEPTIONS, machine, PAGES_64K, initial, maximum, isShared);
    }

    PlainMemory(Machine machine, Geometry geometry) {
        this(EXCEPTIONS, machine, geometry, 1, 1, false);
    }

    PlainMemory(
            MemoryExceptions exceptions,
            Machine machine,
            Geometry geometry,
            int initial,
            int maximum,
            boolean isShared) {
        super(exceptions, machine, geometry, initial, maximum, isShared);
    }

    private PlainMemory(PlainMemory of, boolean isView) {
        super(of, isView);
    }

    @Override
    public PlainMemory fork() {
        return new PlainMemory(this, false);
    }

    @Override
    public PlainMemory view() {
        return new PlainMemory(this, true);
    }

    /** Wraps a function as the adapters do. */
    UnaryOperator<long[]> entering(UnaryOperator<long[]> function) {
        Call<long[], long[]> called = function::apply;
        return arguments -> call(called, arguments);
    }
}
