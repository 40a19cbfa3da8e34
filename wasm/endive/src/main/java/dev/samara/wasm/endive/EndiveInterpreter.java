// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.endive;

import run.endive.runtime.Instance;
import run.endive.runtime.InterpreterMachine;

/**
 * Endive's interpreter, whose stacks an {@link EndiveCheckpoint} empties. Endive's own leaves operands of a call that
 * trapped on its stack, and version 1.0.0 also frames of tail calls, in which the handlers of a later call can end.
 * Forks have this class, unless they are told to use another one; for another instance, pass the constructor to
 * Endive's builder:
 *
 * <pre>{@code
 * Instance.builder(module).withMachineFactory(EndiveInterpreter::new)
 * }</pre>
 */
public final class EndiveInterpreter extends InterpreterMachine {
    /**
     * Creates the interpreter of an instance.
     *
     * @param instance the instance
     */
    public EndiveInterpreter(Instance instance) {
        super(instance);
    }

    /** Empties the stacks. No call is in progress. */
    void clear() {
        callStack.clear();
        while (stack().size() > 0) {
            stack().pop();
        }
        stack().clearRefsTo(0);
    }
}
