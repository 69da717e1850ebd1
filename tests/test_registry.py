"""Registries: looking parts up, building them, and what they say when they cannot."""

import importlib
import sys
import textwrap

import pytest

from i3dbox import registry as registries
from i3dbox.errors import ConfigError, RegistryError
from i3dbox.registry import Registry, build_from_cfg


class Point:
    def __init__(self, x, y=0):
        self.x, self.y = x, y


@pytest.fixture
def registry():
    shapes = Registry('shape')
    shapes.register(Point)
    return shapes


def test_a_part_is_built_from_its_name_and_arguments(registry):
    cfg = dict(type='Point', x=1)
    point = registry.build(cfg)
    assert isinstance(point, Point) and (point.x, point.y) == (1, 0)
    assert cfg == dict(type='Point', x=1)


def test_defaults_give_way_to_the_config(registry):
    point = build_from_cfg(dict(type='Point', x=1), registry, x=5, y=6)
    assert (point.x, point.y) == (1, 6)


def test_a_decorator_registers_under_the_own_or_another_name(registry):
    @registry.register
    class Circle:
        pass

    @registry.register(name='ring')
    def make_ring(width=1):
        return width

    assert registry.names() == ['Circle', 'Point', 'ring'] and 'ring' in registry
    assert registry.get('Circle') is Circle and registry.build(dict(type='ring', width=3)) == 3


def test_mmactions_name_for_the_decorator_works_too(registry):
    @registry.register_module()
    class Circle:
        pass

    @registry.register_module(name='ring')
    class Ring:
        pass

    @registry.register_module
    class Bare:
        pass

    registry.register_module('dot', module=Circle)
    assert [registry.get(name) for name in ('Circle', 'ring', 'Bare', 'dot')] == [
        Circle,
        Ring,
        Bare,
        Circle,
    ]


def test_a_type_can_be_the_class_itself(registry):
    assert registry.build(dict(type=Point, x=2)).x == 2


def test_a_type_can_be_a_dotted_path(registry):
    assert registry.build(dict(type='fractions.Fraction', numerator=1, denominator=2)) * 2 == 1


@pytest.mark.parametrize(
    'path, reason',
    [
        ('fractions.Fractoin', "has no attribute 'Fractoin'"),
        ('no_such_module.Part', 'No module named'),
    ],
)
def test_a_dotted_path_that_leads_nowhere_is_named(registry, path, reason):
    with pytest.raises(RegistryError, match=f"shape '{path}' cannot be imported: .*{reason}"):
        registry.build(dict(type=path))


def test_an_unknown_name_comes_with_the_nearest_spelling_and_all_names(registry):
    with pytest.raises(
        RegistryError, match="no shape is called 'Piont'. Did you mean 'Point'.*: Point"
    ):
        registry.build(dict(type='Piont'))
    with pytest.raises(RegistryError, match="no shape is called 'POINT'. Did you mean 'Point'"):
        registry.build(dict(type='POINT'))
    with pytest.raises(
        RegistryError, match="no shape is called 'zzz'. Registered: Point.*custom_imports"
    ):
        registry.build(dict(type='zzz'))


def test_a_wrong_argument_is_named(registry):
    with pytest.raises(
        RegistryError, match="Point takes no argument 'yy'. Did you mean 'y'. It takes: x, y"
    ):
        registry.build(dict(type='Point', x=1, yy=2))


def test_a_missing_argument_is_named(registry):
    with pytest.raises(RegistryError, match="shape Point needs the argument 'x'"):
        registry.build(dict(type='Point', y=2))


def test_a_part_that_takes_any_argument_is_given_them(registry):
    registry.register(lambda **kwargs: kwargs, name='any')
    assert registry.build(dict(type='any', a=1)) == dict(a=1)


@pytest.mark.parametrize('cfg', [None, 'Point', dict(x=1), [dict(type='Point')]])
def test_a_description_without_a_type_is_refused(registry, cfg):
    with pytest.raises(RegistryError, match="a shape is described by a dict with the key 'type'"):
        registry.build(cfg)


def test_a_type_that_is_no_name_and_no_class_is_refused(registry):
    with pytest.raises(ConfigError, match='a name, a dotted path or a class; got 3'):
        registry.build(dict(type=3))


def test_registering_twice_is_refused_but_a_reloaded_module_replaces_its_own(registry):
    with pytest.raises(
        RegistryError, match="shape 'Point' is registered twice: in test_registry and in"
    ):
        registry.register(Registry, name='Point')
    assert registry.get('Point') is Point

    reloaded = type('Point', (), {'__module__': Point.__module__})
    registry.register(reloaded)
    assert registry.get('Point') is reloaded


def test_a_module_that_cannot_be_imported_is_told_at_every_look_up_until_it_is_mended(
    tmp_path, monkeypatch
):
    package = tmp_path / 'broken_shapes'
    package.mkdir()
    (package / '__init__.py').touch()
    (package / 'square.py').write_text('import no_such_module\n')
    monkeypatch.syspath_prepend(tmp_path)
    shapes = Registry('shape', 'broken_shapes')
    for _ in range(2):
        with pytest.raises(ModuleNotFoundError, match='no_such_module'):
            shapes.get('Square')
    (package / 'square.py').write_text('')
    with pytest.raises(RegistryError, match="no shape is called 'Square'"):
        shapes.get('Square')


def test_packages_are_imported_at_the_first_look_up_that_needs_them(tmp_path, monkeypatch):
    package = tmp_path / 'lazy_shapes'
    package.mkdir()
    (package / '__init__.py').write_text('from i3dbox.registry import Registry\nSHAPES = None\n')
    (package / 'square.py').write_text(
        textwrap.dedent("""
        import lazy_shapes

        @lazy_shapes.SHAPES.register
        class Square:
            pass
    """)
    )
    monkeypatch.syspath_prepend(tmp_path)
    shapes = Registry('shape', 'lazy_shapes')
    shapes.register(Point)
    assert shapes.build(dict(type='Point', x=1)).x == 1
    assert 'lazy_shapes' not in sys.modules

    import lazy_shapes

    lazy_shapes.SHAPES = shapes
    assert type(shapes.build(dict(type='Square'))).__name__ == 'Square'
    assert shapes.names() == ['Point', 'Square']


def test_a_new_part_of_any_kind_is_one_new_file():
    for kind in (value for value in vars(registries).values() if isinstance(value, Registry)):
        for package in kind._packages:
            assert hasattr(importlib.import_module(package), '__path__'), f'{package} is a module'


def test_a_path_of_something_that_is_no_part_is_told(registry):
    with pytest.raises(RegistryError, match='math.pi is no shape: it cannot be called'):
        registry.build(dict(type='math.pi'))


def test_a_type_that_does_not_say_what_it_takes_is_tried(registry):
    assert registry.build(dict(type='collections.Counter', a=2)) == dict(a=2)
