"""Settings of a pod as they are stated, and nothing else."""

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from app.settings import Settings


class StatedSettings(Settings):
    """Settings with the values that they are given, whatever the environment of this process says."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)
