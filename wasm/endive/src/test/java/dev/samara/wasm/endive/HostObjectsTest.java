// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm.endive;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.samara.core.Machine;
import dev.samara.wasm.InstanceCheckpoint;
import java.lang.ref.WeakReference;
import java.util.HexFormat;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import run.endive.runtime.Instance;
import run.endive.wasm.Parser;
import run.endive.wasm.types.Table;
import run.endive.wasm.types.TableLimits;
import run.endive.wasm.types.ValType;
import run.endive.wasm.types.Value;

/** In Chicory, such a reference is a number. */
@DisplayName("References to objects of the host, in an instance of Endive")
final class HostObjectsTest {
    private static final byte[] EMPTY_MODULE = {0, 'a', 's', 'm', 1, 0, 0, 0};

    /** {@code (table 2 externref) (memory 1) (global (mut externref) (ref.null extern))}, in the binary format. */
    private static final String TABLE_MEMORY_AND_GLOBAL =
            "0061736d01000000" + "0404016f0002" + "0503010001" + "0606016f01d06f0b";

    /**
     * {@code (tag) (memory 1) (global (mut exnref) (ref.null exn))} and {@code (func (export "f") (global.set 0 (block
     * (result exnref) (try_table (catch_all_ref 0) (throw 0)) (unreachable))))}, in the binary format.
     */
    private static final String CAUGHT_EXCEPTION = "0061736d01000000" + "010401600000" + "03020100" + "0503010001"
            + "0d03010000" + "0606016901d0690b" + "07050101660000" + "0a12011000" + "02691f4001030008000b000b24000b";

    @Test
    @DisplayName("refer to the same objects in a copy, and are null where they were null")
    void copied() {
        try (Machine machine = Machine.builder().memory(1L << 20).build()) {
            Instance parent = Instance.builder(Parser.parse(HexFormat.of().parseHex(TABLE_MEMORY_AND_GLOBAL)))
                    .withMemoryFactory(EndiveMemory.factory(machine))
                    .build();
            Instance empty = EndiveFork.of(parent).build();
            assertNull(empty.global(0).getRefValue());
            Object object = new Object();
            parent.table(0).setObjRef(1, object, parent);
            parent.global(0).setRefValue(object);
            Instance child = EndiveFork.of(parent).build();
            assertSame(object, child.global(0).getRefValue());
            assertSame(object, child.table(0).objRef(1));
            assertEquals(parent.table(0).ref(1), child.table(0).ref(1));
            assertNull(child.table(0).objRef(0));
            assertEquals(Value.REF_NULL_VALUE, child.table(0).ref(0));
            for (Instance instance : new Instance[] {parent, empty, child}) {
                ((EndiveMemory) instance.memory()).close();
            }
        }
    }

    @Test
    @DisplayName("are the same objects after a restore")
    void restored() {
        try (Machine machine = Machine.builder().memory(1L << 20).build()) {
            Instance instance = Instance.builder(Parser.parse(HexFormat.of().parseHex(TABLE_MEMORY_AND_GLOBAL)))
                    .withMemoryFactory(EndiveMemory.factory(machine))
                    .build();
            Object object = new Object();
            instance.table(0).setObjRef(1, object, instance);
            instance.global(0).setRefValue(object);
            int number = instance.table(0).ref(1);
            try (InstanceCheckpoint checkpoint = EndiveCheckpoint.of(instance)) {
                for (Object other : new Object[] {new Object(), null}) {
                    instance.table(0).setObjRef(0, other, instance);
                    instance.table(0).setObjRef(1, other, instance);
                    instance.global(0).setRefValue(other);
                    checkpoint.restore();
                    assertSame(object, instance.global(0).getRefValue());
                    assertSame(object, instance.table(0).objRef(1));
                    assertEquals(number, instance.table(0).ref(1));
                    assertNull(instance.table(0).objRef(0));
                    assertEquals(Value.REF_NULL_VALUE, instance.table(0).ref(0));
                }
            }
            ((EndiveMemory) instance.memory()).close();
        }
    }

    @Test
    @DisplayName("can be collected after a restore removed them")
    void removed() {
        EndiveTable table = new EndiveTable(new Table(ValType.ExternRef, new TableLimits(1, 2)), Value.REF_NULL_VALUE);
        WeakReference<Object> object = grow(table);
        table.shrink(1);
        while (object.get() != null) {
            System.gc();
        }
        assertEquals(1, table.size());
    }

    @Test
    @DisplayName("are saved; a reference to an exception of the guest is refused, unless it is null")
    void exceptions() {
        try (Machine machine = Machine.builder().memory(1L << 20).build()) {
            Instance instance = Instance.builder(Parser.parse(HexFormat.of().parseHex(CAUGHT_EXCEPTION)))
                    .withMemoryFactory(EndiveMemory.factory(machine))
                    .build();
            Instance child = EndiveFork.of(instance).build();
            EndiveCheckpoint.of(instance).close();
            instance.export("f").apply();
            for (Executable save : new Executable[] {
                () -> EndiveFork.of(instance).build(),
                () -> EndiveCheckpoint.of(instance).close()
            }) {
                IllegalArgumentException refused = assertThrows(IllegalArgumentException.class, save);
                assertEquals(
                        "cannot save a reference of type " + ValType.ExnRef + " to an object of the guest",
                        refused.getMessage());
            }
            ((EndiveMemory) child.memory()).close();
            ((EndiveMemory) instance.memory()).close();
        }
    }

    /** Adds an object to a table; in a method of its own, whose frame refers to it. */
    private static WeakReference<Object> grow(EndiveTable table) {
        Object object = new Object();
        int unused = table.growWithRef(
                1, object, Instance.builder(Parser.parse(EMPTY_MODULE)).build());
        return new WeakReference<>(object);
    }
}
