// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import static dev.samara.core.fixture.SpaceFixture.ANONYMOUS;
import static dev.samara.core.fixture.SpaceFixture.GEOMETRY;
import static dev.samara.core.fixture.SpaceFixture.PAGE;
import static dev.samara.core.fixture.SpaceFixture.RW;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.samara.core.event.Registration;
import dev.samara.core.fixture.Await;
import dev.samara.core.mman.Mman;
import java.lang.management.ManagementFactory;
import java.lang.ref.WeakReference;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import javax.management.Attribute;
import javax.management.JMException;
import javax.management.MBeanAttributeInfo;
import javax.management.MBeanServer;
import javax.management.ObjectName;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;

@DisplayName("The MBean of a machine")
final class MachineBeanTest {
    private static final MBeanServer SERVER = ManagementFactory.getPlatformMBeanServer();

    private static Machine machine() {
        return Machine.builder().memory(16 * PAGE).build();
    }

    private static ObjectName name(String name) throws JMException {
        return new ObjectName("dev.samara:type=Machine,name=" + name);
    }

    @Test
    @DisplayName("has the statistics of the machine as attributes, and no operation")
    void attributes() throws JMException {
        try (Machine machine = machine()) {
            machine.registerMBean("one");
            AddressSpace space = machine.newSpace(GEOMETRY);
            assertTrue(space.mmap(0, 3 * PAGE, RW, ANONYMOUS | Mman.POPULATE, null, 0) > 0);
            ObjectName name = name("one");
            assertEquals(3L, SERVER.getAttribute(name, "FramesInUse"));
            assertEquals(1, SERVER.getAttribute(name, "Spaces"));
            assertEquals(machine.committed(), SERVER.getAttribute(name, "CommittedBytes"));
            assertEquals(machine.statistics().pageTableBytes(), SERVER.getAttribute(name, "PageTableBytes"));
            Set<String> expected = new TreeSet<>(Set.of("CommittedBytes", "LockedSegmentBytes", "Spaces"));
            Arrays.stream(MachineStatistics.class.getRecordComponents())
                    .map(component -> component.getName())
                    .map(each -> Character.toUpperCase(each.charAt(0)) + each.substring(1))
                    .forEach(expected::add);
            Set<String> found = new TreeSet<>();
            for (MBeanAttributeInfo info : SERVER.getMBeanInfo(name).getAttributes()) {
                found.add(info.getName());
                assertFalse(info.isWritable(), info::getName);
            }
            assertEquals(expected, found);
            assertEquals(
                    expected.size(),
                    SERVER.getAttributes(name, expected.toArray(String[]::new)).asList().stream()
                            .map(Attribute::getValue)
                            .filter(Number.class::isInstance)
                            .count());
            assertEquals(0, SERVER.getMBeanInfo(name).getOperations().length);
            space.close();
        }
    }

    @Test
    @DisplayName("is unregistered by its close, which may be repeated, and by the close of the machine")
    void closed() throws JMException {
        Machine machine = machine();
        Registration first = machine.registerMBean("first");
        machine.registerMBean("second");
        first.close();
        first.close();
        assertFalse(SERVER.isRegistered(name("first")));
        assertTrue(SERVER.isRegistered(name("second")));
        AddressSpace space = machine.newSpace(GEOMETRY);
        assertThrows(IllegalStateException.class, machine::close);
        assertTrue(SERVER.isRegistered(name("second")), "the machine is open");
        space.close();
        machine.close();
        assertFalse(SERVER.isRegistered(name("second")));
        assertThrows(IllegalStateException.class, () -> machine.registerMBean("third"));
        assertFalse(SERVER.isRegistered(name("third")));
    }

    @Test
    @DisplayName("has a name that no other one has, and any characters in it")
    void names() throws JMException {
        try (Machine machine = machine();
                Machine other = machine()) {
            Registration taken = machine.registerMBean("taken");
            String message =
                    String.valueOf(assertThrows(IllegalStateException.class, () -> other.registerMBean("taken"))
                            .getMessage());
            assertTrue(message.contains("name taken is taken"), message);
            assertTrue(SERVER.isRegistered(name("taken")), "the first one stays");
            taken.close();
            other.registerMBean("taken");
            machine.registerMBean("a=b, \"c\"");
            assertTrue(SERVER.isRegistered(name(ObjectName.quote("a=b, \"c\""))));
            assertThrows(IllegalArgumentException.class, () -> machine.registerMBean(""));
        }
        assertFalse(SERVER.isRegistered(name("taken")));
        assertFalse(SERVER.isRegistered(name(ObjectName.quote("a=b, \"c\""))));
    }

    @Test
    @DisplayName("does not keep a machine that nobody closes, and goes with the first read after that")
    void collected() throws JMException {
        WeakReference<Machine> machine = new WeakReference<>(registered("lost"));
        Await.collected("the machine", machine);
        assertThrows(JMException.class, () -> {
            try {
                SERVER.getAttribute(name("lost"), "Spaces");
            } catch (RuntimeException gone) {
                throw new JMException(gone.getMessage());
            }
        });
        assertFalse(SERVER.isRegistered(name("lost")));
    }

    private static Machine registered(String name) {
        Machine machine = machine();
        machine.registerMBean(name);
        return machine;
    }
}
