// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.op;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.space.MachineState;
import java.util.List;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("An operation is named with its arguments, each from the place where its call puts it")
final class OperationTextTest {
    private final Layout layout = new Layout(Layouts.origin(Layouts.host(100, 0, MachineState.UNLIMITED)), List.of());

    private String text(Call call, long third, int flags) {
        return new Operation(layout, call, 0x1000, 0x2000, third, 0x4000, flags, null).toString();
    }

    @Test
    @DisplayName("also those that no other call waits for")
    void texts() {
        assertEquals("mseal(0x1000, 0x2000, 0x8000000000000003)", text(Call.MSEAL, Long.MIN_VALUE | 3, 0));
        assertEquals("shmat(null, 0x1000, 0x5)", text(Call.SHMAT, 3, 5));
        assertEquals("grow_stack(0x1000)", text(Call.GROW_STACK, 3, 5));
        assertEquals("mlockall(0x5)", text(Call.MLOCKALL, 3, 5));
        assertEquals("load", text(Call.LOAD, 3, 5));
        assertEquals("fork", text(Call.FORK, 3, 5));
    }
}
